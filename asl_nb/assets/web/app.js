// The page: what is pressed, what is shown, and the way from pictures to signs.

import {loadInWorker, loadLandmarker} from './landmarker.js';
import {loadRecognizer} from './recognizer.js';
import {cameraProblem, cameras, closeFile, everyFrame, openCamera, openFile} from './source.js';
import {Stream, answer, handRaised} from './stream.js';
import {Timeline, card, clock, drawSkeleton, fit, listSign, make, percent, showBars} from './view.js';

const page = Object.fromEntries([...document.querySelectorAll('[id]')].map(element => [element.id, element]));
const {video, skeleton} = page;
const here = path => new URL(path, document.baseURI).href;
const SIGN_STAYS = 2.5; // seconds that a recognized sign is shown after its end

let settings = null; // model.json
let tools = null;    // promise of {landmarker, recognizer}
let run = null;      // what is being watched: {stream, stop}
const timeline = new Timeline(page.timeline, event => replay(event));

// ---- Loading

const NEEDED = {
  'a newer browser (one that shows single frames of a video)': 'requestVideoFrameCallback' in HTMLVideoElement.prototype,
  'WebAssembly': 'WebAssembly' in globalThis,
  'WebGL, which may be switched off': Boolean(document.createElement('canvas').getContext('webgl2')),
};

async function fetched(path, problem) {
  const response = await fetch(here(path)).catch(() => null);
  if (!response?.ok) throw new Error(`${path}: ${problem}`);
  return response;
}

/** The large files as addresses of blobs, with progress. */
async function download(sizes) {
  const total = Object.values(sizes).reduce((a, b) => a + b);
  let got = 0;
  const one = async path => {
    const response = await fetched(path, 'it did not arrive. Is the network there? Try again.'), parts = [];
    for (const reader = response.body.getReader(); ;) {
      const {done, value} = await reader.read();
      if (done) break;
      parts.push(value);
      got += value.length;
      progress(`Loading the models: ${Math.round(got / 1e6)} of ${Math.round(total / 1e6)} MB`, got / total);
    }
    const type = path.endsWith('.wasm') ? 'application/wasm' : 'application/octet-stream';
    return [path, URL.createObjectURL(new Blob(parts, {type}))];
  };
  return Object.fromEntries(await Promise.all(Object.keys(sizes).map(one)));
}

async function load() {
  const blobs = await download(settings.sizes);
  progress('Starting the models', 1);
  const options = {
    bundle: here('vendor/vision_bundle.mjs'), loader: here('vendor/vision_wasm_module_internal.js'),
    wasm: blobs['vendor/vision_wasm_module_internal.wasm'], task: blobs['holistic.task'], settings};
  const landmarker = await loadInWorker(options).catch(error => {
    console.warn(`no landmarks in a worker, so in the page: ${error.message}`);
    return loadLandmarker(options);
  });
  const ort = await import(here('vendor/ort.wasm.bundle.min.mjs'));
  ort.env.wasm.wasmPaths = {wasm: blobs['vendor/ort-wasm-simd-threaded.wasm']};
  const recognizer = await loadRecognizer({ort, model: blobs['model.onnx'], settings});
  Object.values(blobs).forEach(URL.revokeObjectURL);
  return {landmarker, recognizer};
}

/** Landmarker and recognizer, loaded when they are first needed; after a failure, again. */
function loaded() {
  return tools ??= load().catch(error => {
    tools = null;
    throw error;
  });
}

// ---- What is shown

function show(state, message = '') {
  document.body.dataset.state = state;
  page.message.textContent = message;
  page.progress.hidden = state !== 'loading';
  page.stop.hidden = !['loading', 'running'].includes(state);
  if (state !== 'running') page.switch.hidden = true;
}

function progress(said, share) {
  if (document.body.dataset.state !== 'loading') return;
  page.message.textContent = said;
  page.progress.value = share;
}

function arrange(mirrored) {
  page.picture.style.setProperty('--aspect', video.videoWidth / video.videoHeight);
  page.picture.classList.toggle('mirrored', mirrored);
  fit(skeleton);
}

function clear() {
  drawSkeleton(skeleton, null);
  timeline.clear();
  page.signs.replaceChildren();
  page.heard.replaceChildren();
  page.empty.hidden = false;
  page.state.textContent = '';
  name(null);
  showBars(page.bars, []);
}

function name(sign) {
  const text = sign ?? settings.no_sign;
  if (page.sign.textContent !== text) page.sign.textContent = text;
  page.sign.classList.toggle('none', text === settings.no_sign);
}

function note(event) {
  document.dispatchEvent(new CustomEvent('recognized', {detail: event}));
  if (event.sign === settings.no_sign) return;
  const again = run.file ? () => replay(event) : null;
  timeline.add(event);
  listSign(page.signs, event, again);
  page.empty.hidden = true;
  page.heard.append(make('span', {}, `${event.sign}, ${percent(event.probability)}. `));
  while (page.heard.children.length > 3) page.heard.firstChild.remove();
  run.last = event;
}

/** Once a frame: the sign, the probabilities, the timeline. */
function tell(time) {
  const {stream, last, file} = run;
  name(last && time - last.end < SIGN_STAYS ? last.sign : null);
  showBars(page.bars, stream.top);
  timeline.show(time, file ? video.duration : null);
  run.count += 1;
  const now = performance.now(), seconds = (now - run.since) / 1000;
  if (seconds < 1) return;
  const rate = `${Math.round(run.count / seconds)} pictures per second`;
  page.state.textContent = file ? `${clock(time)} of ${clock(video.duration)}, ${rate}` : rate;
  Object.assign(run, {since: now, count: 0});
}

// ---- From pictures to signs

const look = async (...clip) => (await tools).recognizer.probabilities(...clip);
const isShort = () => video.duration <= settings.max_clip;
const scaled = (frame, aspect) => frame.map((v, i) => i % 2 ? v : v * aspect);

async function watchCamera(mine, {landmarker}, camera) {
  let first = null;
  for (let time; (time = await camera.newest()) !== null;) {
    const frame = await landmarker.landmarks(video);
    if (mine.stopped) return;
    first ??= time;
    drawSkeleton(skeleton, frame, settings.connections);
    (await mine.stream.push(frame, time - first)).filter(event => event.sign).forEach(note);
    tell(time - first);
  }
  if (!mine.stopped) throw new Error('The camera is gone. Connect it and try again.');
}

/** Take in one frame of a file: its picture and its landmarks are drawn together. */
async function take(mine, {time, picture, found}) {
  const frame = await found, {stream} = mine;
  if (!mine.stopped) {
    drawSkeleton(skeleton, frame, settings.connections, picture);
    mine.times.push(time);
    const [first] = mine.times, n = mine.times.length;
    if (n > 1) stream.fps = (n - 1) / (time - first);
    if (isShort()) mine.frames.push(frame);
    mine.seen ||= !Number.isNaN(frame[2 * settings.shoulders[0]]);
    const events = await stream.push(frame, time);
    if (!isShort()) events.filter(event => event.sign).forEach(note);
    tell(time);
  }
  picture.close();
}

/** The one event of a short video. */
async function wholeClip({stream, frames, times}) {
  const {aspect, fps, signs} = stream, probs = await look(frames, aspect, fps);
  const raised = frames.some(frame => handRaised(scaled(frame, aspect), settings));
  return {kind: 'recognized', start: times[0], end: times[0] + times.length / fps, ...answer(probs, settings, {signs, raised})};
}

async function watchFile(mine, {landmarker}) {
  Object.assign(mine, {times: [], frames: [], seen: false});
  let before = null;
  for await (const time of everyFrame(video)) {
    if (mine.stopped) return;
    const picture = await createImageBitmap(video), found = landmarker.landmarks(picture);
    if (before) await take(mine, before);
    before = {time, picture, found}; // it is computed while the video goes to the next frame
  }
  await take(mine, before);
  if (mine.stopped) return;
  if (!mine.seen) throw new Error('No person was seen in this video.');
  const events = isShort() ? [await wholeClip(mine)] : await mine.stream.flush();
  events.forEach(note);
  if (isShort()) {
    name(events[0].sign);
    showBars(page.bars, events[0].top);
  }
  rest(mine);
}

/** A video has been watched: it can be played. */
function rest(mine) {
  show('done');
  drawSkeleton(skeleton, null);
  timeline.show(video.duration, video.duration);
  const n = page.signs.children.length;
  page.state.textContent = `${mine.times.length} pictures seen, ${n === 1 ? '1 sign' : `${n || 'no'} signs`} recognized`;
  video.controls = true;
}

function replay(event) {
  if (document.body.dataset.state !== 'done') return;
  video.currentTime = event.start;
  video.play();
}

// ---- What is pressed

function stop() {
  if (!run) return;
  run.stopped = true;
  run.stop();
  run = null;
  video.controls = false;
  drawSkeleton(skeleton, null);
  show('idle');
}

/** Watch a source: `open` shows it and gives what is special about it, `watch` goes through its pictures. */
async function start(file, open, watch) {
  stop();
  const mine = run = {file, stop() {}, stopped: false, last: null, since: performance.now(), count: 0};
  clear();
  show('loading', file ? 'Opening the video' : 'Starting the camera');
  try {
    const source = await open(mine);
    if (mine.stopped) return source.stop();
    mine.stop = source.stop;
    arrange(source.mirrored);
    const {landmarker, ...others} = await loaded();
    if (mine.stopped) return;
    await landmarker.restart();
    const aspect = video.videoWidth / video.videoHeight;
    mine.stream = new Stream(settings, look, {aspect, live: !file, signs: marked()});
    show('running');
    await watch(mine, {landmarker, ...others}, source);
  } catch (error) {
    if (mine.stopped) return;
    stop();
    show('error', error.message);
  }
}

function startCamera(deviceId = null) {
  return start(false, async () => {
    const camera = await openCamera(video, deviceId).catch(error => { throw new Error(cameraProblem(error)) });
    const several = await cameras();
    page.switch.hidden = several.length < 2;
    page.switch.onclick = () => {
      const i = several.findIndex(other => other.deviceId === camera.deviceId);
      startCamera(several[(i + 1) % several.length].deviceId);
    };
    return camera;
  }, watchCamera);
}

function startFile(file) {
  if (!file) return null;
  return start(true, async mine => {
    const close = () => closeFile(video);
    mine.stop = close;
    await openFile(video, file);
    return {mirrored: false, stop: close};
  }, watchFile);
}

function listen() {
  page.camera.onclick = () => startCamera();
  page.choose.onclick = () => page.file.click();
  page.file.onchange = () => {
    startFile(page.file.files[0]);
    page.file.value = ''; // so that the same file can be chosen again
  };
  page.stop.onclick = () => {
    stop();
    page.camera.focus();
  };
  video.addEventListener('resize', () => {
    if (!run || !video.videoWidth) return;
    arrange(page.picture.classList.contains('mirrored'));
    if (run.stream) run.stream.aspect = video.videoWidth / video.videoHeight;
  });
  new ResizeObserver(() => fit(skeleton)).observe(skeleton);
  document.addEventListener('dragover', event => {
    event.preventDefault();
    page.picture.classList.add('over');
  });
  document.addEventListener('dragleave', event => { if (!event.relatedTarget) page.picture.classList.remove('over') });
  document.addEventListener('drop', event => {
    event.preventDefault();
    page.picture.classList.remove('over');
    if (settings) startFile([...event.dataTransfer.files].find(file => file.type.startsWith('video/')) ?? event.dataTransfer.files[0]);
  });
}

// ---- Signs to choose from

const boxes = () => [...page.candidates.querySelectorAll('input')];

/** The marked signs; null for all, as none would leave nothing to name. */
function marked() {
  const signs = boxes().filter(box => box.checked).map(box => box.value);
  return signs.length && signs.length < boxes().length ? signs : null;
}

function choose() {
  const signs = marked(), all = boxes().length;
  const every = boxes().some(box => box.checked) ? `all ${all}` : `none marked, so all ${all}`;
  page.chosen.textContent = signs ? `${signs.length} of ${all}` : every;
  if (run?.stream) run.stream.signs = signs;
}

function listCandidates(signs) {
  for (const sign of signs) {
    const box = make('input', {type: 'checkbox', value: sign});
    box.checked = true;
    page.candidates.append(make('label', {}, box, make('span', {}, sign)));
  }
  page.candidates.onchange = choose;
  const markAll = checked => () => {
    for (const box of boxes()) if (!box.parentElement.hidden) box.checked = checked;
    choose();
  };
  [page.all.onclick, page.none.onclick] = [markAll(true), markAll(false)];
  page.filter.hidden = signs.length < 30;
  page.filter.oninput = () => {
    const part = page.filter.value.toLowerCase();
    for (const box of boxes()) box.parentElement.hidden = !box.value.toLowerCase().includes(part);
  };
  choose();
}

// ---- The beginning

async function begin() {
  const missing = Object.keys(NEEDED).find(what => !NEEDED[what]);
  if (missing) throw new Error(`This page needs ${missing}.`);
  settings = await (await fetched('model.json', 'it is missing. Build the folder with: asl web --out site/')).json();
  const signs = settings.labels.filter(label => label !== settings.no_sign);
  page.summary.textContent = `${signs.length} isolated signs of American Sign Language, recognized in your browser.`;
  page.weights.textContent = `: ${settings.name}`;
  page.card.replaceChildren(...card(settings.card || 'These weights have no card.'));
  listCandidates(signs);
  listen();
  for (const button of [page.camera, page.choose]) button.disabled = false;
  show('idle');
}

begin().catch(error => show('error', error.message));
