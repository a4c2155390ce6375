// Landmarks in, frame by frame; events out: a sign began, a sign was recognized.
//
// This is asl_nb.stream (nbs/62_stream.ipynb, which explains it) with what it needs of asl_nb.predict, function for function.
// `.ci/web.py` gives both the same frames and expects the same events. Every number comes from `settings`, which Python writes.
//
// A frame is a Float32Array of 543 x and y in turn, in MediaPipe's units; NaN = not seen.
// `points` are the same in units of the picture's height.

const TINY = 2 ** -126; // the smallest normal float32
const fail = said => { throw new RangeError(said) };
const argmax = values => values.reduce((best, v, i) => v > values[best] ? i : best, 0);
const greatest = values => values.reduce((a, b) => Math.max(a, b), -Infinity);
const mean = values => values.reduce((a, b) => a + b, 0) / values.length;

function median(values) {
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** A frame as points. */
export const asPoints = (frame, aspect) => frame.map((v, i) => i % 2 ? v : v * aspect);

const rows = ([start, end]) => Array.from({length: end - start}, (_, i) => start + i);
const x = (points, row) => points[2 * row], y = (points, row) => points[2 * row + 1];

// ---- A person (asl_nb.predict)

/** The width of the shoulders. */
export function shoulderWidth(points, {shoulders: [left, right], usual_shoulders}) {
  const width = Math.hypot(x(points, left) - x(points, right), y(points, left) - y(points, right));
  return width > 0 ? width : usual_shoulders; // NaN fails the comparison
}

/** Whether a hand is seen above the lap. */
export function handRaised(points, settings) {
  const {shoulders, parts, lap_depth} = settings;
  const lap = mean(shoulders.map(row => y(points, row))) + lap_depth * shoulderWidth(points, settings);
  const heights = [parts.left_hand, parts.right_hand].map(hand => mean(rows(hand).map(row => y(points, row))));
  return heights.some(height => !Number.isNaN(height) && !(height > lap));
}

// ---- An answer (asl_nb.predict)

function possible({labels, no_sign}, signs) {
  const all = labels.filter(label => label !== no_sign);
  const unknown = (signs ?? []).find(sign => !all.includes(sign));
  if (unknown !== undefined) fail(`${unknown}: expected a sign of the model`);
  if (signs && !signs.length) fail('signs: expected at least one, found none');
  return {all, known: signs ?? all};
}

/** The answer that one clip's probabilities give: {sign, probability, top:[{sign, probability}]}. */
export function answer(probs, settings, {top = 5, signs = null, raised = true} = {}) {
  if (!(Number.isInteger(top) && top > 0)) fail(`top: expected an integer, at least 1, found ${top}`);
  const {all, known} = possible(settings, signs), {threshold, no_sign} = settings;
  const none = [...probs].slice(all.length); // the probability of no sign, if it is a class
  const shares = known.map(sign => Math.max(probs[all.indexOf(sign)], TINY));
  const total = shares.reduce((a, b) => a + b), left = 1 - none.reduce((a, b) => a + b, 0);
  const found = [...shares.map(share => share * left / total), ...none];
  const best = found.map((probability, i) => ({sign: known[i] ?? no_sign, probability}))
    .sort((a, b) => b.probability - a.probability).slice(0, top);
  const i = argmax(found.slice(0, known.length));
  const sure = greatest([...probs].slice(0, all.length)) >= greatest([Math.fround(threshold), ...none]);
  return {sign: raised && sure ? known[i] : no_sign, probability: found[i], top: best};
}

// ---- Movement

/** How fast the faster hand moves between two frames, in shoulder widths per second. */
export function handSpeed(before, now, seconds, settings) {
  const speeds = [0], {parts, stream} = settings;
  for (const hand of [parts.left_hand, parts.right_hand]) {
    const moved = mean(rows(hand).map(row =>
      Math.hypot(x(now, row) - x(before, row), y(now, row) - y(before, row))));
    if (Number.isFinite(moved)) speeds.push(moved / shoulderWidth(now, settings) / seconds);
    else if (Number.isNaN(x(now, hand[0])) !== Number.isNaN(x(before, hand[0]))) speeds.push(stream.appearing_speed);
  }
  return greatest(speeds);
}

/** Says when a movement of the hands begins and ends: a span {start, end}, of which the end is null while it lasts. */
export class HandMovement {
  constructor(settings) {
    this.settings = settings;
    this.start = null; // seconds; null at rest
    this.raised = this.moved = -Infinity;
    this.before = null; // [points, time]
    this.speeds = [];
  }

  /** Take in a frame; a span that begins or ends with it, else null. */
  push(points, time) {
    const {seconds_lowered, seconds_still} = this.settings.stream;
    this.measure(points, time);
    if (handRaised(points, this.settings)) this.raised = time;
    if (this.fast()) this.moved = time;
    if (this.start === null) return this.begin(time);
    return time - this.raised >= seconds_lowered || time - this.moved >= seconds_still ? this.end() : null;
  }

  /** The speed since the last frame that had an earlier time. */
  measure(points, time) {
    const {speeds, shortest_step} = this.settings.stream;
    if (this.before) {
      const [before, then] = this.before;
      if (time <= then) return;
      this.speeds.push(handSpeed(before, points, Math.max(time - then, shortest_step), this.settings));
      if (this.speeds.length > speeds) this.speeds.shift();
    }
    this.before = [points, time];
  }

  fast() {
    const {moving_speed, appearing_speed} = this.settings.stream;
    return this.speeds.length > 0 && (median(this.speeds) > moving_speed || this.speeds.at(-1) === appearing_speed);
  }

  begin(time) {
    if (!(this.raised === this.moved && this.moved === time)) return null;
    this.start = time;
    return {start: time, end: null};
  }

  /** End the current movement; null at rest. */
  end() {
    if (this.start === null) return null;
    const ended = {start: this.start, end: this.raised};
    this.start = null;
    return ended;
  }
}

// ---- Vote

/** Says which signs enough looks agree on; a look is {start, end, probs}. */
export class Vote {
  constructor(settings, answer, live = false) {
    Object.assign(this, {settings, answer, live});
    this.run = [];    // looks that agree
    this.last = null; // the last event of this movement
  }

  /** Take in a look; a list of events. */
  push(look) {
    let events = [];
    if (this.run.length && argmax(look.probs) !== argmax(this.run.at(-1).probs)) {
      if (!this.live) events = this.decide();
      this.run = [];
    }
    this.run.push(look);
    return this.live ? this.decide() : events;
  }

  /** The movement is over; `whole` makes the look at all of it, used if no run has named a sign. */
  async end(whole = null) {
    let events = this.decide();
    if (whole && !this.last) events = this.event([await whole()]);
    this.run = [];
    this.last = null;
    return events;
  }

  /** The event of the run, if enough looks agree. */
  decide() { return this.run.length >= this.settings.stream.agreeing_looks ? this.event(this.run) : [] }

  /** The event of looks that agree, if the surest is sure enough and the sign is new. */
  event(looks) {
    const surest = looks.reduce((a, b) => greatest(b.probs) > greatest(a.probs) ? b : a);
    const {sign, probability, top} = this.answer(surest.probs);
    if (sign === this.settings.no_sign) return [];
    const event = {kind: 'recognized', sign, probability, start: looks[0].start, end: looks.at(-1).end, top};
    const {last} = this, {seconds_same} = this.settings.stream;
    this.last = event;
    const goesOn = last && last.sign === sign && looks[0].end - last.end < seconds_same;
    return goesOn ? [] : [event];
  }
}

// ---- The stream

/** Recognizes signs in a stream of landmarks. */
export class Stream {
  /**
   * settings: model.json
   * look:     (frames, aspect, fps) -> Promise of a Float32Array of probabilities
   * aspect:   width / height of the picture
   * fps:      frames per second
   * live:     whether events come while a sign lasts
   * top:      signs to name
   * signs:    the only signs that are possible; null for all. It can be changed at any time
   */
  constructor(settings, look, {aspect = settings.aspect, fps = settings.fps, live = false, top = 5, signs = null} = {}) {
    for (const [name, value] of Object.entries({aspect, fps}))
      if (!(value > 0 && Number.isFinite(value))) fail(`${name}: expected a number above 0, found ${value}`);
    Object.assign(this, {settings, look, aspect, fps, signs});
    this.answer = probs => answer(probs, settings, {top, signs: this.signs});
    this.movement = new HandMovement(settings);
    this.vote = new Vote(settings, this.answer, live);
    this.frames = []; // [time, frame] of the last seconds
    this.n = 0;       // frames so far
    this.time = this.looked = -Infinity; // of the last frame, of the last look
  }

  /** The most probable signs while a movement lasts. */
  get top() { return this.vote.run.length ? this.answer(this.vote.run.at(-1).probs).top : [] }

  /** Take in a frame; a list of events. Wait for it before the next one. `time` in seconds; without it, frames are counted. */
  async push(frame, time = this.n / this.fps) {
    const {n_rows} = this.settings;
    if (frame.length !== 2 * n_rows) fail(`frame: expected ${n_rows} x and y, found ${frame.length} numbers`);
    if (!(Number.isFinite(time) && time >= this.time))
      fail(`time: expected seconds, no earlier than the last frame, found ${time}`);
    this.n += 1;
    this.time = time;
    const span = this.movement.push(asPoints(frame, this.aspect), time);
    if (span || this.movement.start !== null) this.keep(time, frame);
    if (!span) return this.lookAgain(time);
    return span.end === null ? [{kind: 'started', time}] : this.finish(span);
  }

  /** End the current movement, because the stream is over. */
  async flush() {
    const span = this.movement.end();
    return span ? this.finish(span) : [];
  }

  /** Keep a frame, and drop those that are too long before a hand was last raised. */
  keep(time, frame) {
    this.frames.push([time, frame]);
    while (this.movement.raised - this.frames[0][0] > this.settings.stream.seconds_kept) this.frames.shift();
  }

  async lookAt(start, end) {
    const frames = this.frames.filter(([t]) => start <= t && t <= end).map(([, frame]) => frame);
    return {start, end, probs: await this.look(frames, this.aspect, this.fps)};
  }

  /** Vote on the last second, if a hand is raised and the last look was long enough ago. */
  async lookAgain(time) {
    const {look_every, slack, window} = this.settings.stream, {start, raised} = this.movement;
    if (start === null || raised !== time) return [];
    if (time - Math.max(this.looked, start) < look_every - slack) return [];
    this.looked = time;
    if (time - start < window / 2) return []; // too few frames to judge
    return this.vote.push(await this.lookAt(Math.max(start, time - window), time));
  }

  /** The events at the end of a movement. */
  async finish({start, end}) {
    const whole = end - start >= this.settings.stream.shortest_sign ? () => this.lookAt(start, end) : null;
    const events = await this.vote.end(whole);
    this.frames = [];
    return events;
  }
}
