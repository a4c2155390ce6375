// What is drawn of a stream: the skeleton, probabilities, a timeline, a list of signs, and the model's card.

const COLORS = {pose: '#118ab2', face: '#ffd166', left_hand: '#ef476f', right_hand: '#06d6a0'}; // as asl_nb.drawing

/** A new element with attributes and contents. */
export function make(tag, attributes = {}, ...contents) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...contents);
  return element;
}

export const percent = share => `${Math.round(100 * share)} %`;

/** Seconds as on a stopwatch: 4.2 s, 1:05. */
export function clock(seconds) {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

// ---- The skeleton

/** Let a canvas have as many pixels as it covers on the screen. */
export function fit(canvas) {
  const scale = Math.min(devicePixelRatio, 2), {clientWidth, clientHeight} = canvas;
  const [width, height] = [clientWidth, clientHeight].map(side => Math.round(scale * side));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

/** Draw lips, hands and body; frame: 543 x and y as shares of the picture, or null for nothing; picture: what to draw below them. */
export function drawSkeleton(canvas, frame, connections, picture = null) {
  const pen = canvas.getContext('2d'), {width, height} = canvas, size = Math.max(1.5, Math.min(width, height) / 220);
  pen.clearRect(0, 0, width, height);
  if (picture) pen.drawImage(picture, 0, 0, width, height);
  if (!frame) return;
  const at = row => [frame[2 * row] * width, frame[2 * row + 1] * height];
  const seen = row => !Number.isNaN(frame[2 * row]);
  pen.lineCap = 'round';
  for (const part of Object.keys(COLORS)) {
    const pairs = connections[part].filter(pair => pair.every(seen)), lines = new Path2D();
    for (const [a, b] of pairs) { lines.moveTo(...at(a)); lines.lineTo(...at(b)) }
    pen.strokeStyle = pen.fillStyle = COLORS[part];
    pen.lineWidth = part === 'face' ? size * .8 : size;
    pen.stroke(lines);
    if (part === 'face') continue;
    const points = new Path2D();
    for (const row of new Set(pairs.flat())) {
      points.moveTo(...at(row));
      points.arc(...at(row), size * 1.25, 0, 2 * Math.PI);
    }
    pen.fill(points);
  }
}

// ---- Probabilities

/** Show signs with their probabilities as bars in a list; top: [{sign, probability}], the most probable first. */
export function showBars(list, top) {
  while (list.children.length > top.length) list.lastChild.remove();
  top.forEach(({sign, probability}, i) => {
    const row = list.children[i] ?? list.appendChild(make('li', {class: 'bar'}, make('span'), make('span')));
    const [name, share] = row.children, text = percent(probability);
    if (name.textContent !== sign) name.textContent = sign;
    if (share.textContent !== text) share.textContent = text;
    row.style.setProperty('--share', probability.toFixed(3));
  });
}

// ---- Recognized signs

const SHOWN = 30; // seconds of a stream without an end

/** Signs along a line of time. */
export class Timeline {
  /** choose: called with the event that was pressed */
  constructor(element, choose = null) {
    Object.assign(this, {element, choose});
    this.playhead = make('i', {class: 'playhead'});
    this.clear();
  }

  clear() {
    this.marks = []; // [event, element]
    this.element.replaceChildren(this.playhead);
    this.playhead.style.left = '0';
  }

  add(event) {
    const what = `${event.sign}, ${percent(event.probability)}, at ${clock(event.start)}`;
    const mark = make(this.choose ? 'button' : 'span', {class: 'mark', title: what}, event.sign);
    if (this.choose) {
      mark.type = 'button';
      mark.setAttribute('aria-label', `${what}: show this part`);
      mark.onclick = () => this.choose(event);
    }
    this.marks.push([event, mark]);
    this.element.append(mark);
  }

  /** Move to a time in seconds; without a duration, the last half minute is shown. */
  show(time, duration = null) {
    const length = duration ?? SHOWN, from = duration === null ? Math.max(0, time - SHOWN) : 0;
    const at = seconds => 100 * (seconds - from) / length;
    this.playhead.style.left = `${Math.min(at(time), 100)}%`;
    while (this.marks.length && at(this.marks[0][0].end) < 0) this.marks.shift()[1].remove();
    let free = -Infinity; // where the mark before ends
    for (const [event, mark] of this.marks) {
      const begin = Math.max(event.start, free);
      mark.style.left = `${at(begin)}%`;
      mark.style.width = `${at(event.end) - at(begin)}%`;
      free = event.end;
    }
  }
}

/** Put a sign on top of the list of signs. */
export function listSign(list, {sign, probability, start}, choose = null) {
  const row = make('li', {}, make('time', {}, clock(start)), make('b', {}, sign), make('span', {}, percent(probability)));
  if (choose) {
    const button = make('button', {type: 'button', 'aria-label': `${sign}, ${percent(probability)}, at ${clock(start)}: show this part`});
    button.append(...row.childNodes);
    button.onclick = choose;
    row.append(button);
  }
  list.prepend(row);
}

// ---- A card in Markdown

/** The words of a line, with code and links. */
function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*|\[[^\]]+\]\([^)]+\))/).map(part => {
    if (part.startsWith('`')) return make('code', {}, part.slice(1, -1));
    if (part.startsWith('**')) return make('b', {}, part.slice(2, -2));
    const link = part.match(/^\[([^\]]+)\]\(([^)]+)\)$/);
    return link ? make('a', {href: link[2], rel: 'noreferrer'}, link[1]) : part;
  });
}

function table(lines) {
  const cells = line => line.replace(/^\||\|$/g, '').split('|').map(cell => inline(cell.trim()));
  const row = (tag, line) => make('tr', {}, ...cells(line).map(words => make(tag, {}, ...words)));
  const [head, , ...body] = lines;
  return make('div', {class: 'wide', tabindex: '0', role: 'region', 'aria-label': 'table'},
    make('table', {}, make('thead', {}, row('th', head)), make('tbody', {}, ...body.map(line => row('td', line)))));
}

/** A card in Markdown as elements: headings, paragraphs, lists and tables. */
export function card(markdown) {
  return markdown.trim().replace(/^#+ .*$/gm, '\n$&\n').trim().split(/\n\s*\n/).map(block => {
    const lines = block.split('\n'), heading = block.match(/^(#+) (.*)/);
    if (heading) return make(`h${Math.min(6, heading[1].length + 2)}`, {}, ...inline(heading[2]));
    if (lines[0].startsWith('|')) return table(lines);
    if (lines[0].startsWith('- '))
      return make('ul', {}, ...block.slice(2).split(/\n- /).map(item => make('li', {}, ...inline(item))));
    return make('p', {}, ...inline(block));
  });
}
