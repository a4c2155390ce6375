// The page: what is pressed, what is shown, and the way from pictures to signs.

import {loadInWorker, loadLandmarker} from './landmarker.js';
import {loadRecognizer} from './recognizer.js';
import {cameraProblem, cameras, closeFile, everyFrame, openCamera, openFile} from './source.js';
import {Stream, answer, asPoints, handRaised} from './stream.js';
import {Timeline, card, clock, drawSkeleton, fit, listSign, make, percent, showBars} from './view.js';

const page = Object.fromEntries([...document.querySelectorAll('[id]')].map(element => [element.id, element]));
const {video, skeleton} = page;
const here = path => new URL(path, document.baseURI).href;
const SIGN_STAYS = 2.5; // seconds that a recognized sign is shown after its end

let settings = null; // model.json
let tools = null;    // promise of {landmarker, recognizer}
let run = null;      // what is being watched: {stream, stop}
const timeline = new Timeline(page.timeline);

// ---- Loading

const NEEDED = {
  'a newer browser (one that shows single frames of a video)': 'requestVideoFrameCallback' in HTMLVideoElement.prototype,
  'WebAssembly': 'WebAssembly' in globalThis,
  'WebGL, which may be switched off': Boolean(document.createElement('canvas').getContext('webgl2')),
};

async function fetched(path, problem) {
  const response = await fetch(here(path), {cache: 'no-cache'}).catch(() => null); // asks whether it is still the same
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
      progress('Loading the models', got / total, `${Math.round(got / 1e6)} of ${Math.round(total / 1e6)} MB`);
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
    settings, task: blobs['holistic.task'], wasm: blobs['vendor/vision_wasm_module_internal.wasm'],
    bundle: here('vendor/vision_bundle.mjs'), loader: here('vendor/vision_wasm_module_internal.js')};
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
  page.progress.value = 0;
  page.amount.textContent = '';
  page.stop.textContent = state === 'done' ? 'Close' : 'Stop';
  page.stop.hidden = ['idle', 'error'].includes(state);
  if (state !== 'running') page.switch.hidden = true;
}

function progress(said, share, amount = '') {
  if (document.body.dataset.state !== 'loading') return;
  if (page.message.textContent !== said) page.message.textContent = said; // a screen reader reads what is new
  page.progress.value = share;
  page.amount.textContent = amount;
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

function note(mine, event) {
  if (mine.stopped) return;
  document.dispatchEvent(new CustomEvent('recognized', {detail: event}));
  if (event.sign === settings.no_sign) return;
  const again = mine.file ? () => replay(event) : null;
  timeline.add(event);
  listSign(page.signs, event, again);
  page.empty.hidden = true;
  page.heard.append(make('span', {}, `${event.sign}, ${percent(event.probability)}. `));
  while (page.heard.children.length > 3) page.heard.firstChild.remove();
  mine.events.push(event);
}

/** Once a frame: the sign, the probabilities, the timeline. */
function tell(mine, time) {
  if (mine.stopped) return;
  const {stream, file, events} = mine, last = events.at(-1);
  name(last && time - last.end < SIGN_STAYS ? last.sign : null);
  showBars(page.bars, stream.top);
  timeline.show(time, file ? video.duration : null);
  mine.count += 1;
  const now = performance.now(), seconds = (now - mine.since) / 1000;
  if (seconds < 1) return;
  const perSecond = mine.count / seconds, rate = `${perSecond.toFixed(perSecond < 10 ? 1 : 0)} pictures per second`;
  page.state.textContent = file ? `${clock(time)} of ${clock(video.duration)}, ${rate}` : rate;
  Object.assign(mine, {since: now, count: 0});
}

// ---- From pictures to signs

/** The landmarks of a picture; a landmarker that fails is of no more use. */
async function find(landmarker, image) {
  try { return await landmarker.landmarks(image) } catch (error) {
    console.error(error);
    landmarker.close();
    tools = null;
    throw new Error('The search for landmarks stopped. Try again.');
  }
}

const look = async (...clip) => (await tools).recognizer.probabilities(...clip);
const isShort = ({stream}) => video.duration - 1 / stream.fps < settings.max_clip; // until its last picture

async function watchCamera(mine, {landmarker}, camera) {
  const take = async (frame, time) => {
    for (const event of await mine.stream.push(frame, time)) if (event.sign) note(mine, event);
    tell(mine, time);
  };
  await offerOthers(mine, camera);
  let first = null, taken = null;
  for (let time; (time = await camera.newest()) !== null;) {
    const frame = await find(landmarker, video);
    await taken;
    if (mine.stopped) return;
    drawSkeleton(skeleton, frame, settings.connections);
    first ??= time;
    taken = take(frame, time - first); // while the worker has the next picture
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
    if (isShort(mine)) mine.frames.push(frame);
    mine.seen ||= !Number.isNaN(frame[2 * settings.shoulders[0]]);
    const events = await stream.push(frame, time);
    for (const event of events) if (event.sign && !isShort(mine)) note(mine, event);
    tell(mine, time);
  }
  picture.close();
}

/** The one event of a short video. */
async function wholeClip({stream, frames, times}) {
  const {aspect, fps, signs} = stream, probs = await look(frames, aspect, fps);
  const raised = frames.some(frame => handRaised(asPoints(frame, aspect), settings));
  return {kind: 'recognized', start: times[0], end: times[0] + times.length / fps, ...answer(probs, settings, {signs, raised})};
}

async function watchFile(mine, {landmarker}) {
  Object.assign(mine, {times: [], frames: [], seen: false});
  let before = null;
  for await (const time of everyFrame(video)) {
    if (mine.stopped) return;
    const picture = await createImageBitmap(video), found = find(landmarker, picture);
    if (before) await take(mine, before);
    before = {time, picture, found}; // it is computed while the video goes to the next frame
  }
  await take(mine, before);
  if (mine.stopped) return;
  if (!mine.seen) throw new Error('No person was seen in this video.');
  const events = isShort(mine) ? [await wholeClip(mine)] : await mine.stream.flush();
  for (const event of events) note(mine, event);
  rest(mine);
  remember(mine.events.at(-1) ?? events[0]);
}

/** A video has been watched: it can be played, with what was recognized. */
function rest(mine) {
  show('done');
  drawSkeleton(skeleton, null);
  const n = mine.events.length;
  page.state.textContent = `${mine.times.length} pictures seen, ${n === 1 ? '1 sign' : `${n || 'no'} signs`} recognized`;
  video.controls = true;
  timeline.show(video.duration, video.duration);
}

function remember(event) {
  name(event?.sign ?? null);
  showBars(page.bars, event?.top ?? []);
}

/** While a watched video plays: the sign of this time. */
function follow() {
  if (document.body.dataset.state !== 'done' || video.paused && !video.seeking) return;
  const time = video.currentTime;
  remember(run.events.findLast(({start, end}) => start <= time && time <= end + 1 / run.stream.fps));
  timeline.show(time, video.duration);
}

function replay({start}) {
  if (document.body.dataset.state !== 'done') return;
  video.currentTime = start;
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
  for (const button of document.querySelectorAll('.mark, .signs button')) button.disabled = true; // nothing to show a part of
  show('idle');
}

/** Watch a source: `open` shows it and gives what is special about it, `watch` goes through its pictures. */
async function start(file, open, watch) {
  stop();
  timeline.choose = file ? replay : null;
  const mine = run = {file, stop() {}, stopped: false, events: [], since: performance.now(), count: 0};
  clear();
  show('loading', file ? 'Opening the video' : 'Starting the camera');
  page.stop.focus({preventScroll: true}); // what was pressed is gone
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
  const open = mine => openCamera(video, deviceId, () => !mine.stopped)
    .catch(error => { throw new Error(cameraProblem(error)) });
  return start(false, open, watchCamera);
}

/** Offer the next camera, if there are several. */
async function offerOthers(mine, {deviceId}) {
  const several = await cameras(), i = several.findIndex(camera => camera.deviceId === deviceId);
  if (mine.stopped) return;
  page.switch.hidden = several.length < 2;
  page.switch.onclick = () => startCamera(several[(i + 1) % several.length].deviceId);
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
    page.camera.focus({preventScroll: true});
  };
  video.addEventListener('resize', () => {
    if (!run || !video.videoWidth) return;
    arrange(page.picture.classList.contains('mirrored'));
    if (run.stream) run.stream.aspect = video.videoWidth / video.videoHeight;
  });
  video.addEventListener('timeupdate', follow);
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
