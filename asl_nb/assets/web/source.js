// Where pictures come from: a camera, or every frame of a video file. Both are shown by a <video> of the page.

const shown = video => new Promise(resolve => video.requestVideoFrameCallback((now, frame) => resolve(frame)));
const after = seconds => new Promise(resolve => setTimeout(resolve, 1000 * seconds));
const event = (target, name) => new Promise(resolve => target.addEventListener(name, resolve, {once: true}));

function opened(video, name) {
  return new Promise((resolve, reject) => {
    video.onloadeddata = resolve;
    video.onerror = () => reject(new Error(`${name}: this browser cannot play it. MP4 (H.264) and WebM work nearly everywhere.`));
  });
}

// ---- A camera

const REASONS = {
  NotAllowedError: 'The camera is blocked for this page. Allow it with the camera or lock sign beside the address, ' +
    'or in the settings of the browser and of the device; then try again.',
  NotFoundError: 'No camera was found. Connect one and try again, or choose a video.',
  NotReadableError: 'The camera does not answer. Does another program use it? Close that program and try again.',
};

/** Why there is no camera, in plain words. */
export function cameraProblem(error) {
  if (!navigator.mediaDevices) return 'Browsers give the camera only to pages with https:// and to localhost.';
  return REASONS[error.name] ?? `The camera did not start: ${error.message}`;
}

/** The cameras that are there; before one was allowed, a browser may tell of one alone. */
export async function cameras() {
  return (await navigator.mediaDevices.enumerateDevices()).filter(device => device.kind === 'videoinput');
}

/** Show a camera, if it is still wanted once it is allowed; gives {mirrored, deviceId, newest, stop}. */
export async function openCamera(video, deviceId = null, wanted = () => true) {
  const which = deviceId ? {deviceId: {exact: deviceId}} : {facingMode: 'user'};
  const size = {width: {ideal: 640}, height: {ideal: 480}, frameRate: {ideal: 30}};
  const stream = await navigator.mediaDevices.getUserMedia({video: {...which, ...size}, audio: false});
  const [track] = stream.getTracks(), {facingMode, deviceId: id} = track.getSettings();
  try {
    if (!wanted()) throw new Error('it is not wanted any more');
    const ready = opened(video, 'camera');
    video.srcObject = stream;
    await ready;
    await video.play();
  } catch (error) {
    track.stop();
    throw error;
  }
  let count = 0, taken = 0, time = 0, wake = () => {}, open = true;
  const note = now => {
    [count, time] = [count + 1, now / 1000];
    wake();
    if (open) video.requestVideoFrameCallback(note);
  };
  video.requestVideoFrameCallback(note);
  track.onended = () => wake();
  return {
    mirrored: facingMode !== 'environment', deviceId: id,
    /** Wait for a picture that has not been taken; its time in seconds, or null if the camera is gone. Those missed are dropped. */
    async newest() {
      if (count === taken && open && track.readyState === 'live') await new Promise(resolve => { wake = resolve });
      taken = count;
      return open && track.readyState === 'live' ? time : null;
    },
    stop() {
      open = false;
      track.stop();
      video.srcObject = null;
      wake();
    },
  };
}

// ---- A video file

/** Show a video file, standing at its beginning. */
export async function openFile(video, file) {
  const ready = opened(video, file.name);
  video.src = URL.createObjectURL(file);
  await ready;
  if (!(video.videoWidth && Number.isFinite(video.duration))) throw new Error(`${file.name}: expected a video, found no pictures`);
}

export function closeFile(video) {
  URL.revokeObjectURL(video.src);
  video.onerror = null;
  video.removeAttribute('src');
  video.load();
}

const PATIENCE = 3; // seconds that a frame may take to show

/** Stand at a time; the time of the frame that is shown there, or null if it was shown before. */
async function seek(video, seconds) {
  const frame = shown(video), sought = event(video, 'seeked');
  video.currentTime = seconds;
  // a browser may not tell of a frame that stands there already, and none does in a hidden page
  const same = async () => {
    await sought;
    do await after(PATIENCE); while (document.hidden);
  };
  return (await Promise.race([frame, same()]))?.mediaTime ?? null;
}

const STEP = 1 / 120, TRIED = 4; // seconds; frames that are looked for in such small steps

/**
 * Stand at each frame of a video, one after the other; gives their times. Playing would drop frames where the machine is slow, and
 * so find other signs than on a fast one. A browser does not tell the frame rate, so small steps find the first frames.
 */
export async function* everyFrame(video) {
  const {src} = video;
  let last = await seek(video, 0) ?? 0, step = Infinity, n = 1;
  if (video.src !== src) return;
  yield last;
  for (let time = last; (time += n < TRIED ? STEP : step) < video.duration;) {
    const found = await seek(video, time);
    if (video.src !== src) return; // another video is shown: do not move it
    if (found === null || found <= last) continue;
    [step, last, n] = [Math.min(step, found - last), found, n + 1];
    yield found;
    if (n >= TRIED) time = last + step / 2; // the next frame begins after half a step, and lasts as long again
  }
}
