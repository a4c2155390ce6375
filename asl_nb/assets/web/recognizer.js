// What a clip of landmarks shows, by onnxruntime-web and the network that Python exported with all that comes before it.

/**
 * Load a model.
 * ort:      onnxruntime-web; where its files are is set before (ort.env.wasm.wasmPaths or wasmBinary)
 * model:    the bytes of model.onnx, or its address
 * settings: model.json
 */
export async function loadRecognizer({ort, model, settings}) {
  ort.env.wasm.numThreads = 1; // several need headers that a plain web server does not send
  const session = await ort.InferenceSession.create(model, {executionProviders: ['wasm']});
  const scalar = value => new ort.Tensor('float32', [value], []);
  return {
    /** The calibrated probability of each label, a Float32Array; frames: Float32Arrays of 543 x and y. */
    async probabilities(frames, aspect = settings.aspect, fps = settings.fps) {
      const size = frames[0].length, landmarks = new Float32Array(frames.length * size);
      frames.forEach((frame, i) => landmarks.set(frame, i * size));
      const shape = [frames.length, size / 2, 2];
      const {probabilities} = await session.run({
        landmarks: new ort.Tensor('float32', landmarks, shape), aspect: scalar(aspect), fps: scalar(fps)});
      if (probabilities.data.length !== settings.labels.length)
        throw new Error(`model: expected ${settings.labels.length} probabilities, found ${probabilities.data.length}`);
      return probabilities.data;
    },
  };
}
