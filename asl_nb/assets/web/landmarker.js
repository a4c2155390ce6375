// From pictures to landmarks, by MediaPipe's HolisticLandmarker with the project's own models.
//
// This is asl_nb.holistic (nbs/06_holistic.ipynb) in a browser: the same models, MediaPipe's usual confidences of .5, one landmarker
// for each clip, and frames counted at a fixed rate, whatever their own times are. Given the same pixels, both find the same points.
//
// A frame is a Float32Array of 543 x and y in turn, as shares of the picture's width and height; NaN = not seen.

const FOUND = {face: 'faceLandmarks', left_hand: 'leftHandLandmarks', pose: 'poseLandmarks', right_hand: 'rightHandLandmarks'};

/** MediaPipe's result for one frame as landmarks. */
export function asLandmarks(result, {n_rows, parts}) {
  const frame = new Float32Array(2 * n_rows).fill(NaN);
  for (const [part, [start, end]] of Object.entries(parts))
    result[FOUND[part]][0]?.slice(0, end - start).forEach(({x, y}, i) => frame.set([x, y], 2 * (start + i)));
  return frame;
}

/** Whether there is a GPU. Where the CPU does its work instead, the landmarker is faster without. */
export function hasGpu() {
  const gl = new OffscreenCanvas(1, 1).getContext('webgl2', {failIfMajorPerformanceCaveat: true});
  const about = gl?.getExtension('WEBGL_debug_renderer_info');
  const name = gl ? gl.getParameter(about ? about.UNMASKED_RENDERER_WEBGL : gl.RENDERER) : 'software';
  gl?.getExtension('WEBGL_lose_context')?.loseContext();
  return !/swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

async function create({bundle, loader, wasm, task}, delegate) {
  const {HolisticLandmarker} = await import(bundle);
  globalThis.ModuleFactory = (await import(loader)).default; // MediaPipe takes it from there, and removes it
  return HolisticLandmarker.createFromOptions({wasmBinaryPath: wasm},
    {baseOptions: {modelAssetPath: task, delegate}, runningMode: 'VIDEO'});
}

/** A landmarker on the GPU that has seen a picture, as some fail only then; null if it cannot be made. */
async function tryGpu(options) {
  try {
    const landmarker = await create(options, 'GPU');
    landmarker.detectForVideo(new ImageData(64, 64), 0);
    await landmarker.setOptions({}); // forgets the picture
    return landmarker;
  } catch (error) {
    console.warn(`no landmarks by the GPU, so by the CPU: ${error.message}`);
    return null;
  }
}

/**
 * Load MediaPipe and its models.
 * bundle:   address of vision_bundle.mjs
 * loader:   address of vision_wasm_module_internal.js
 * wasm:     address of vision_wasm_module_internal.wasm
 * task:     address of holistic.task
 * settings: model.json
 * delegate: 'CPU' or 'GPU'; left out: GPU where there is one
 */
export async function loadLandmarker({settings, delegate = hasGpu() ? 'GPU' : 'CPU', ...options}) {
  const onGpu = delegate === 'GPU' ? await tryGpu(options) : null;
  const landmarker = onGpu ?? await create(options, 'CPU');
  let n = 0, begin = 1, time = 0; // frames of this clip; milliseconds, which MediaPipe wants to grow, through all clips
  return {
    delegate: onGpu ? 'GPU' : 'CPU',
    /** The landmarks of the clip's next frame; image: anything that can be drawn on a canvas. */
    landmarks(image) {
      time = begin + Math.round(n++ * settings.frame_ms);
      return asLandmarks(landmarker.detectForVideo(image, time), settings);
    },
    /** The next frame begins a new clip. */
    async restart() {
      [n, begin] = [0, time + 1];
      await landmarker.setOptions({});
    },
    close() { landmarker.close() },
  };
}

/** In a worker: answer the calls of `loadInWorker`, and first tell that it listens. */
export function serve(port) {
  let landmarker;
  const calls = {
    async load(options) {
      landmarker = await loadLandmarker(options);
      return landmarker.delegate;
    },
    landmarks(image) {
      try { return landmarker.landmarks(image) } finally { image.close() }
    },
    restart() { return landmarker.restart() },
  };
  port.onmessage = async ({data: {name, value}}) => {
    try { port.postMessage({answer: await calls[name](value)}) }
    catch (error) { port.postMessage({error: error.message ?? String(error)}) }
  };
  port.postMessage({answer: null});
}

/**
 * The same as `loadLandmarker`, in a worker: whatever it computes, the page stays smooth. All addresses must be absolute, and every
 * answer is a promise. The worker starts from a blob, because only then it obeys the page's Content-Security-Policy.
 */
export async function loadInWorker(options) {
  const code = `import(${JSON.stringify(import.meta.url)}).then(({serve}) => serve(self), e => postMessage({error: e.message}))`;
  const address = URL.createObjectURL(new Blob([code], {type: 'text/javascript'}));
  const worker = new Worker(address, {type: 'module'}), waiting = []; // answers come in the order of the calls
  const answer = () => new Promise((resolve, reject) => waiting.push({resolve, reject}));
  const settle = (how, value) => waiting.shift()?.[how](value);
  worker.onmessage = ({data}) =>
    data.error === undefined ? settle('resolve', data.answer) : settle('reject', new Error(data.error));
  worker.onerror = event => settle('reject', new Error(event.message ?? 'the worker did not start'));
  const call = (name, value, transfer = []) => {
    worker.postMessage({name, value}, transfer);
    return answer();
  };
  const started = answer().then(() => call('load', options)).finally(() => URL.revokeObjectURL(address));
  const delegate = await started.catch(error => {
    worker.terminate();
    throw error;
  });
  return {
    delegate,
    async landmarks(image) {
      const picture = await createImageBitmap(image);
      return call('landmarks', picture, [picture]);
    },
    restart() { return call('restart') },
    close() { worker.terminate() },
  };
}
