// In a notebook: a clip to play and scrub, or the browser's own camera. anywidget calls `render`.
// What a camera needs comes from Python over the widget's own channel, in parts, so no server is asked for anything.

import {cameraProblem, cameras, openCamera} from './source.js';
import {loadRecognizer} from './recognizer.js';
import {Stream} from './stream.js';
import {Timeline, clock, drawSkeleton, fit, listSign, make, showBars} from './view.js';

// ---- Files from Python

let asked = 0;

/** Python's answer to a question: a message and its buffer. */
function ask(model, question) {
  const id = asked++;
  return new Promise((resolve, reject) => {
    const hear = (answer, [part]) => {
      if (answer.id !== id) return;
      model.off('msg:custom', hear);
      if (answer.error) reject(new Error(answer.error)); else resolve([answer.size, part]);
    };
    model.on('msg:custom', hear);
    model.send({id, ...question});
  });
}

/** A file as a blob; told: called with the number of bytes of each part. */
async function receive(model, file, told) {
  const parts = [], type = {js: 'text/javascript', mjs: 'text/javascript', wasm: 'application/wasm'}[file.split('.').at(-1)];
  for (let at = 0, total = 1; at < total;) {
    const [size, part] = await ask(model, {file, at});
    parts.push(part);
    told(part.byteLength);
    [at, total] = [at + part.byteLength, size];
  }
  return new Blob(parts, {type});
}

// ---- What is shown

/** The parts of the widget: those of the page, in a tree of their own, where the notebook's style does not reach them. */
function layOut(el, css, ...picture) {
  const at = {
    canvas: make('canvas', {role: 'img', 'aria-label': 'skeleton'}), timeline: make('div', {class: 'timeline'}),
    controls: make('div', {class: 'controls'}), state: make('span', {class: 'state', role: 'status'}),
    bars: make('ol', {class: 'bars', 'aria-label': 'most probable signs'}),
    signs: make('ol', {class: 'signs', 'aria-label': 'recognized signs'}),
  };
  at.picture = make('div', {class: 'picture'}, ...picture, at.canvas);
  const left = make('section', {}, at.picture, at.timeline, at.controls);
  const right = make('aside', {}, make('section', {}, at.bars), make('section', {}, at.signs));
  const root = el.shadowRoot ?? el.attachShadow({mode: 'open'});
  root.replaceChildren(make('style', {}, css), make('main', {}, left, right));
  return at;
}

function shape(picture, aspect) {
  picture.style.setProperty('--aspect', aspect);
  picture.style.maxWidth = `calc(20rem*${aspect})`;
}

// ---- A clip

/** Show a clip that Python has recognized; gives what stops it. */
function showClip(model, el) {
  const {frames, fps, aspect, connections, answer, starts, tops} = model.get('clip'), events = model.get('events');
  const {canvas, picture, timeline, controls, state, bars, signs} = layOut(el, model.get('css'));
  const play = make('button', {type: 'button'}, 'Play');
  const slider = make('input', {type: 'range', min: 0, max: frames - 1, value: 0, 'aria-label': 'Frame'});
  const line = new Timeline(timeline, event => go(Math.round(event.start * fps)));
  const frame = () => Number(slider.value);
  let timer = null;
  shape(picture, aspect);
  controls.append(play, slider, state);
  events.forEach(event => line.add(event));
  picture.after(make('p', {class: 'small'}, ...answer.flatMap(text => [text, make('br')])));
  const {buffer, byteOffset, byteLength} = model.get('landmarks'), pictures = new Blob([model.get('pictures')]);
  const landmarks = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));

  async function show() {
    const i = frame(), size = landmarks.length / frames;
    state.textContent = `${i + 1} of ${frames}`;
    line.show(i / fps, frames / fps);
    showBars(bars, tops[i]);
    signs.replaceChildren();
    for (const event of events) if (event.frame <= i) listSign(signs, event);
    const shown = starts.length ? await createImageBitmap(pictures.slice(starts[i], starts[i + 1], 'image/jpeg')) : null;
    if (i === frame()) {
      fit(canvas);
      drawSkeleton(canvas, landmarks.subarray(i * size, (i + 1) * size), connections, shown);
    }
    shown?.close();
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    play.textContent = 'Play';
  }

  function go(i) {
    slider.value = i;
    show();
  }

  play.onclick = () => {
    if (timer !== null) return pause();
    const from = frame() === frames - 1 ? 0 : frame(), start = performance.now();
    play.textContent = 'Pause';
    timer = setInterval(() => {
      go(from + Math.floor((performance.now() - start) / 1000 * fps));
      if (frame() === frames - 1) pause();
    }, 1000 / fps);
  };
  slider.oninput = () => {
    pause();
    show();
  };
  new ResizeObserver(show).observe(canvas);
  return pause;
}

// ---- A camera

/** Landmarker and recognizer from Python's files; told: called with the share that has come. */
async function load(model, told) {
  const {settings, files, sizes} = model.get('camera'), total = Object.values(sizes).reduce((a, b) => a + b), at = {};
  let got = 0;
  for (const [role, file] of Object.entries(files))
    at[role] = URL.createObjectURL(await receive(model, file, n => told((got += n) / total)));
  const {loadInWorker} = await import(at.landmarker), ort = await import(at.ort);
  const landmarker = await loadInWorker({bundle: at.bundle, loader: at.loader, wasm: at.vision_wasm, task: at.task, settings});
  ort.env.wasm.wasmPaths = {wasm: at.ort_wasm};
  const recognizer = await loadRecognizer({ort, model: at.model, settings});
  Object.values(at).forEach(URL.revokeObjectURL);
  return {landmarker, recognizer};
}

/** Show a camera once its button is pressed; gives what stops it. */
function showCamera(model, el) {
  const {settings, number} = model.get('camera'), video = make('video', {playsinline: ''});
  const {canvas, picture, timeline, controls, state, bars, signs} = layOut(el, model.get('css'), video);
  const button = make('button', {type: 'button', class: 'main'}, 'Start the camera'), line = new Timeline(timeline);
  let tools = null, camera = null;
  shape(picture, settings.aspect);
  controls.append(button, state);

  function note(event) {
    if (event.kind !== 'recognized') return;
    line.add(event);
    listSign(signs, event);
    model.set('events', [...model.get('events'), event]);
    model.save_changes();
  }

  const progress = share => { state.textContent = `loading: ${Math.round(100 * share)} %` };

  async function open() {
    const device = number ? (await cameras())[number]?.deviceId ?? 'none' : null;
    return openCamera(video, device).catch(error => { throw new Error(cameraProblem(error)) });
  }

  async function watch() {
    const {landmarker, recognizer} = tools ??= await load(model, progress), source = camera = await open();
    const aspect = video.videoWidth / video.videoHeight, stream = new Stream(settings, recognizer.probabilities, {aspect, live: true});
    shape(picture, aspect);
    picture.classList.toggle('mirrored', source.mirrored);
    button.disabled = false;
    await landmarker.restart();
    let first = null, n = 0;
    for (let time; (time = await source.newest()) !== null;) {
      const frame = await landmarker.landmarks(video);
      first ??= time;
      (await stream.push(frame, time - first)).forEach(note);
      fit(canvas);
      drawSkeleton(canvas, frame, settings.connections);
      showBars(bars, stream.top);
      line.show(time - first);
      state.textContent = `${++n} pictures, ${clock(time - first)}`;
    }
    (await stream.flush()).forEach(note);
  }

  function stop() {
    camera?.stop();
    camera = null;
  }

  button.onclick = async () => {
    if (camera) return stop();
    button.disabled = true; // until there are pictures
    button.textContent = 'Stop';
    line.clear();
    signs.replaceChildren();
    model.set('events', []);
    progress(0);
    try {
      await watch();
      state.textContent = `stopped: ${state.textContent}`;
    } catch (error) { state.textContent = `stopped: ${error.message}` }
    stop();
    drawSkeleton(canvas, null);
    button.disabled = false;
    button.textContent = 'Start the camera';
  };
  return () => {
    stop();
    tools?.landmarker.close();
  };
}

export default {render: ({model, el}) => (model.get('camera') ? showCamera : showClip)(model, el)};
