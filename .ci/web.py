"The browser's code in a real browser: the same signs as in Python, and nothing sent to anyone; needs Chromium"
import json
import re
import sys
import tempfile
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from skimage.data import astronaut

from asl_nb.clip import Clip
from asl_nb.config import Config
from asl_nb.data.synth import synth_clip, synth_signer, synth_signs
from asl_nb.holistic import results_to_landmarks, video_to_landmarks
from asl_nb.landmarks import FACE, FLIP, ClipWarning, LEFT_HAND, N_ROWS, POSE, RIGHT_HAND
from asl_nb.predict import NO_SIGN, Recognizer
from asl_nb.predict_on_video import recognize_video
from asl_nb.pretrained import load_prototypes
from asl_nb.stream import SignStarted, StreamRecognizer, stream_settings
from asl_nb.utils import DEFAULT_WEIGHTS
from asl_nb.web import build_site
from chromium import chromium, wait
from webpage import choose, open_page, opened, write_mp4

ROOT = Path(__file__).parent.parent


N_STREAMS,N_CLIPS = 300,150
MODEL = DEFAULT_WEIGHTS

# ---- Streams: the same frames give the same events

SIGNS = 'yes', 'no', 'hello', 'please', 'you'
SENT = slice(LEFT_HAND.start, N_ROWS) # rows that a stream looks at; the face is left out

class Stub(Recognizer):
    "A recognizer whose probabilities follow from the frames by a rule that is easily written in two languages"
    def __init__(self, labels, threshold, slope):
        sidecar = dict(label_map={s:i for i,s in enumerate(labels)}, calibration=dict(threshold=threshold))
        super().__init__(SimpleNamespace(sidecar=sidecar, cfg=Config(SOURCE='webcam')))
        self.slope = slope

    def probabilities(self, clips):
        clip = clips[0]
        first,last = (np.nan_to_num(lm[SENT].astype(float)).ravel() for lm in (clip.lm[0], clip.lm[-1]))
        place = sum(last)/100+sum(first)/300+len(clip)/100+clip.aspect+clip.fps/100
        e = np.exp([self.slope*np.sin((k+1)*place) for k in range(len(self.classes))])
        return np.float32([e/e.sum()])

STUB = """(slope, n) => async (frames, aspect, fps) => {
    const total = frame => frame.subarray(2*468).reduce((a, v) => a + (Number.isNaN(v) ? 0 : v), 0);
    const place = total(frames.at(-1))/100 + total(frames[0])/300 + frames.length/100 + aspect + fps/100;
    const e = Array.from({length: n}, (_, k) => Math.exp(slope*Math.sin((k+1)*place)));
    const sum = e.reduce((a, b) => a + b);
    return Float32Array.from(e, v => v/sum);
}"""

def rest(n, like):
    "A person whose hands are out of sight"
    lm = np.repeat(like[:1], n, 0)
    lm[:,LEFT_HAND] = lm[:,RIGHT_HAND] = np.nan
    return lm

def prototype(rng, prototypes):
    "Some prototypes with rests between them, some of them cut or slower"
    made = []
    for _ in range(rng.integers(1, 4)):
        lm = prototypes[rng.choice([*prototypes])]
        lm = lm[np.sort(rng.integers(0, len(lm), rng.integers(4, 60)))] if rng.random()<.5 else lm
        made += [rest(rng.integers(0, 20), lm), lm]
    return np.concatenate([*made, rest(rng.integers(0, 20), made[-1])])

def synthetic(rng, prototypes):
    "A synthetic signer, with the dropouts of a detector"
    seed = int(rng.integers(100))
    lm = synth_clip(synth_signs(8, seed)[rng.integers(8)], synth_signer(0, seed), rng)[:120,:,:2]
    return np.concatenate([lm, rest(rng.integers(0, 15), lm)])

def walk(rng, prototypes):
    "Hands that wander about, rest, vanish and lose points; shoulders that do so, too"
    n = rng.integers(30, 200)
    lm = np.repeat(prototypes['yes'][:1], n, 0)
    for part in (LEFT_HAND, RIGHT_HAND):
        moving = np.repeat(rng.random(20)<.6, 10)[:n,None]
        place = rng.uniform(.2, .7, 2)+np.cumsum(moving*rng.normal(0, .015, (n,2)), 0)
        lm[:,part] = (place[:,None]+rng.normal(0, .05, (21,2))).astype(np.float32)
        lm[np.repeat(rng.random(40)<.3, 5)[:n],part] = np.nan
    some = rng.random((n,N_ROWS))<rng.choice([0, 1e-3])
    lm[some] = np.nan
    lm[np.repeat(rng.random(20)<.1, 10)[:n],POSE] = np.nan
    lm[np.repeat(rng.random(20)<.1, 10)[:n],POSE] = .3
    return lm

def times(rng, n, fps):
    "When frames come: by count, evenly, or by a clock that trembles, stands still and makes pauses"
    kind = rng.integers(3)
    if kind==0: return [None]*n
    step = np.full(n, 1/fps) if kind==1 else rng.uniform(0, 2/fps, n)
    if kind==2: step *= rng.choice([0, 1e-3, 1], n, p=[.1, .3, .6])
    if kind==2 and rng.random()<.5: step[rng.integers(n)] += rng.uniform(.2, 10)
    return np.cumsum(step).tolist()

def sequences(n):
    "Streams of every kind: what they are made with, times, and landmarks"
    prototypes = {s:lm.astype(np.float32) for s,lm in load_prototypes().items()}
    for i in range(n):
        rng = np.random.default_rng(i)
        lm = (prototype, synthetic, walk)[i%3](rng, prototypes)
        fps = float(rng.choice([10, 25, 30, 60]))
        made = dict(labels=[*SIGNS, NO_SIGN][:rng.integers(2, 7)], threshold=float(rng.choice([0, .35, .6])),
                    slope=float(rng.uniform(1, 4)), fps=fps, live=bool(i//3%2), top=int(rng.integers(1, 8)),
                    aspect=float(rng.choice([4/3, 16/9, 1, 9/16])))
        lm[:,:SENT.start] = np.nan
        yield made,times(rng, len(lm), fps),lm

def event(e):
    "An event as the browser has it"
    if isinstance(e, SignStarted): return dict(kind='started', **e._asdict())
    return dict(kind='recognized', **{**e._asdict(), 'top':[p._asdict() for p in e.top]})

def python_events(made, when, lm):
    "The frames in which hands moved; the events, each with the number of the frame it came with"
    warnings.simplefilter('ignore', ClipWarning) # hands that wander about fit no person
    stream = StreamRecognizer(Stub(made['labels'], made['threshold'], made['slope']),
                              *(made[k] for k in ('aspect', 'fps', 'live')), top=made['top'])
    found,moving = [],[]
    for i,(t,frame) in enumerate(zip(when, lm)):
        found += [[i, event(e)] for e in stream.push(frame, t)]
        if stream.movement.moved==stream.time: moving.append(i)
    return moving,found+[[len(lm), event(e)] for e in stream.flush()]

FOLLOW = f"""(async () => {{
    const {{Stream}} = await import('/stream.js'), stub = {STUB};
    const [settings, streams] = await (await fetch('/test/streams.json')).json();
    const all = new Float32Array(await (await fetch('/test/streams.bin')).arrayBuffer());
    let at = 0;
    const size = {2*(SENT.stop-SENT.start)}, found = [];
    for (const {{n, times, ...made}} of streams) {{
        const stream = new Stream({{...settings, ...made}}, stub(made.slope, made.labels.length), made), events = [], moving = [];
        for (let i = 0; i < n; i++, at += size) {{
            const frame = new Float32Array({2*N_ROWS}).fill(NaN);
            frame.set(all.subarray(at, at + size), {2*SENT.start});
            for (const e of await stream.push(frame, times[i] ?? undefined)) events.push([i, e]);
            if (stream.movement.moved === stream.time) moving.push(i);
        }}
        for (const e of await stream.flush()) events.push([n, e]);
        found.push([moving, events]);
    }}
    return found;
}})()"""

def difference(a, b):
    "Where two events differ; '' if they do not"
    if isinstance(a, dict) and isinstance(b, dict) and a.keys()==b.keys():
        return next((f'{k}: {d}' for k in a if (d:=difference((k,a[k]), (k,b[k])))), '')
    if isinstance(a, (list,tuple)) and isinstance(b, (list,tuple)) and len(a)==len(b):
        if a and a[0] in ('time','start','end','probability'):
            return '' if abs(a[1]-b[1])<=(1e-4 if a[0]=='probability' else 1e-3) else f'{a[1]} and {b[1]}'
        return next((d for pair in zip(a, b) if (d:=difference(*pair))), '')
    return '' if a==b else f'{a} and {b}'

def check_streams(page, site, url):
    "Hundreds of streams have the same events in the browser and in Python"
    made,expected,frames = [],[],[]
    for settings,when,lm in sequences(N_STREAMS):
        made.append(dict(settings, n=len(lm), times=when))
        expected.append(python_events(settings, when, lm))
        frames.append(lm[:,SENT].astype(np.float32).ravel())
    (site/'test'/'streams.json').write_text(json.dumps([stream_settings(), made]))
    np.concatenate(frames).tofile(site/'test'/'streams.bin')
    found = page.js(FOLLOW)
    wrong = [f'stream {i}: {d}' for i,pair in enumerate(zip(expected, found)) if (d:=difference(*pair))]
    kinds = [e['kind'] for _,events in expected for _,e in events]
    assert not wrong, f'{len(wrong)} of {len(made)} streams differ (Python and browser): {"; ".join(wrong[:5])}'
    assert min(map(kinds.count, ('started','recognized')))>200, 'expected many events of both kinds'
    return f'{len(made)} streams, {sum(m["n"] for m in made)} frames, {kinds.count("recognized")} signs'

# ---- Answers: the same probabilities give the same answer

ANSWERS = """(async () => {
    const {answer} = await import('/stream.js');
    const [settings, asked] = await (await fetch('/test/answers.json')).json();
    return asked.map(({probs, labels, threshold, ...how}) => answer(probs, {...settings, labels, threshold}, how));
})()"""

def check_answers(page, site, url):
    "Thousands of probabilities give the same answer in the browser and in Python"
    rng,asked,expected = np.random.default_rng(0),[],[]
    for i in range(3000):
        labels = [*SIGNS, NO_SIGN][:rng.integers(1, 7)]
        probs = rng.dirichlet(np.full(len(labels), .5)).astype(np.float32)
        if NO_SIGN not in labels and i%3==0: probs = np.round(probs, 1) # ties, and zeros
        signs = [s for s in labels if s!=NO_SIGN and rng.random()<.5] if i%2 else None
        how = dict(top=int(rng.integers(1, 8)), signs=signs or None, raised=bool(rng.random()<.8))
        stub = Stub(labels, float(rng.choice([0, .35, .7])), 1)
        asked.append(dict(probs=probs.tolist(), labels=labels, threshold=stub.threshold, **how))
        answer = stub.answer(probs, **how)
        expected.append({**answer._asdict(), 'top':[p._asdict() for p in answer.top]})
    (site/'test'/'answers.json').write_text(json.dumps([stream_settings(), asked]))
    wrong = [(a,d) for a,*pair in zip(asked, expected, page.js(ANSWERS)) if (d:=difference(*pair))]
    assert not wrong, f'{len(wrong)} of {len(asked)} answers differ (Python and browser): {wrong[0]}'
    return f'{len(asked)} answers'

# ---- Recognition: the same clips have the same probabilities

RECOGNIZE = """(async () => {
    const ort = await import('/vendor/ort.wasm.bundle.min.mjs'), {loadRecognizer} = await import('/recognizer.js');
    const read = async (name, how) => (await fetch(`/${name}`))[how]();
    const [settings, model] = await Promise.all([read('model.json', 'json'), read('model.onnx', 'arrayBuffer')]);
    ort.env.wasm.wasmPaths = {wasm: '/vendor/ort-wasm-simd-threaded.wasm'};
    const {probabilities} = await loadRecognizer({ort, model, settings});
    const clips = await read('test/clips.json', 'json'), all = new Float32Array(await read('test/clips.bin', 'arrayBuffer'));
    const size = 2*settings.n_rows, found = [];
    let at = 0;
    for (const {n, aspect, fps} of clips) {
        const frames = Array.from({length: n}, (_, i) => all.subarray(at + i*size, at + (i+1)*size));
        found.push([...await probabilities(frames, aspect, fps)]);
        at += n*size;
    }
    return found;
})()"""

def clips(n):
    "Clips of every kind, some of them short, with the face and without, some of it never seen"
    prototypes = {s:lm.astype(np.float32) for s,lm in load_prototypes().items()}
    for i in range(n):
        rng = np.random.default_rng(i)
        lm = (prototype, synthetic, walk)[i%3](rng, prototypes)
        start = rng.integers(len(lm))
        lm = lm[start:start+rng.integers(1, 90)]
        if i%4==0: lm[rng.random(lm.shape[:2])<.02] = np.nan
        if i%5==0: lm = lm[:,FLIP]*np.float32([-1,1])+np.float32([1,0])
        yield Clip(lm, float(rng.choice([4/3, 3/4, 16/9])), float(rng.choice([15, 25, 29.97, 30, 60])))

def check_recognition(page, site, url):
    "Clips have the same probabilities in the browser and in Python"
    made,recognizer = list(clips(N_CLIPS)),Recognizer.from_pretrained(MODEL)
    expected = np.stack([recognizer.probabilities([c])[0] for c in made])
    (site/'test'/'clips.json').write_text(json.dumps([dict(n=len(c), aspect=c.aspect, fps=c.fps) for c in made]))
    np.concatenate([c.lm.astype(np.float32).ravel() for c in made]).tofile(site/'test'/'clips.bin')
    found = np.array(page.js(RECOGNIZE))
    apart = abs(found-expected).max(1)
    order = lambda p: np.argsort(-np.round(p, 5), 1, kind='stable')[:,:5].tolist()
    assert apart.max()<1e-4, f'expected differences below 1e-4, found {apart.max():.1e} in clip {apart.argmax()}'
    assert order(found)==order(expected), 'expected the same five most probable signs'
    return f'{len(made)} clips, {apart.max():.0e} apart at most, {len(set(expected.argmax(1)))} signs among the answers'

# ---- The page

class Prepared:
    "Landmarks that were prepared, one frame after the other"
    def __init__(self, lm): self.lm = lm
    def __enter__(self):
        self.left = iter(self.lm)
        return lambda frame: next(self.left)
    def __exit__(self, *exc): pass

PREPARED = """
const all = new Float32Array(await (await fetch('/test/prepared.bin')).arrayBuffer()), size = %d;
export async function loadInWorker() {
  let n = 0;
  return {landmarks: async () => all.slice(n * size, ++n * size), restart: async () => { n = 0 }};
}
export const loadLandmarker = loadInWorker;
""" % (2*N_ROWS)

def check_signs(page, site, url):
    "Videos whose landmarks are known have the same signs in the page and in Python"
    own,said = (site/'landmarker.js').read_text(),[]
    prototypes = {s:lm.astype(np.float32) for s,lm in load_prototypes().items()}
    some = [prototypes[s] for s in ('hello', 'yes', 'iloveyou', 'please')]
    lm = np.concatenate([rest(20, some[0]), *[p for s in some for p in (s, rest(20, s))]])
    videos = dict(long=(lm, 25), short=(np.concatenate([rest(5, some[0]), some[0]]), 30), quick=(lm, 60))
    try:
        (site/'landmarker.js').write_text(PREPARED)
        for name,(lm,fps) in videos.items():
            video = site/'test'/f'{name}.mp4'
            write_mp4(video, [np.full((96,128,3), 5*i%200, np.uint8) for i in range(len(lm))], fps)
            expected = recognize_video(video, MODEL, Prepared(np.pad(lm, ((0,0), (0,0), (0,1)))))
            lm.astype(np.float32).tofile(site/'test'/'prepared.bin')
            open_page(page, url)
            found = choose(page, video)
            apart = difference([event(e) for e in expected], found)
            assert not apart, f'{name} (Python and page): {apart}'
            said.append(f'{name}: {", ".join(e.sign for e in expected)}')
    finally: (site/'landmarker.js').write_text(own)
    return '; '.join(said)

LANDMARKS = """(async () => {
    const {loadLandmarker} = await import('/landmarker.js'), {everyFrame, openFile} = await import('/source.js');
    const settings = await (await fetch('/model.json')).json(), video = document.createElement('video');
    await openFile(video, await (await fetch('/test/person.mp4')).blob());
    const vendor = name => new URL(`/vendor/${name}`, location).href, found = [];
    const landmarker = await loadLandmarker({settings, delegate: 'CPU', bundle: vendor('vision_bundle.mjs'),
        loader: vendor('vision_wasm_module_internal.js'), wasm: vendor('vision_wasm_module_internal.wasm'), task: '/holistic.task'});
    for await (const time of everyFrame(video)) found.push([time, [...landmarker.landmarks(video)]]);
    landmarker.close();
    return found;
})()"""

SEEN = np.r_[FACE, POSE.start:POSE.start+11] # rows of the face and the head: the rest of the person is partly out of the picture

AS_LANDMARKS = """(async () => {
    const {asLandmarks} = await import('/landmarker.js'), settings = await (await fetch('/model.json')).json();
    const points = (n, from) => [Array.from({length: n}, (_, i) => ({x: from + i, y: from + i + .5, z: 0}))];
    return [...asLandmarks({faceLandmarks: points(478, 1000), leftHandLandmarks: points(21, 2000), poseLandmarks: points(33, 3000),
        rightHandLandmarks: points(21, 4000)}, settings)];
})()"""

def points(n, start): return [SimpleNamespace(x=start+i, y=start+i+.5, z=0) for i in range(n)]

def check_landmarks(page, site, url):
    "A video of a person has the same landmarks and the same answer in the page and in Python"
    video = site/'test'/'person.mp4'
    write_mp4(video, [np.ascontiguousarray(astronaut()[:400,4*i:400+4*i]) for i in range(10)], 12)
    lm,_ = video_to_landmarks(video)
    open_page(page, url)
    found = page.js(LANDMARKS)
    whole = SimpleNamespace(face_landmarks=points(478, 1000), left_hand_landmarks=points(21, 2000), pose_landmarks=points(33, 3000),
                            right_hand_landmarks=points(21, 4000))
    assert page.js(AS_LANDMARKS)==results_to_landmarks(whole)[:,:2].ravel().tolist(), 'expected each part in its rows'
    there = np.array([f for _,f in found], float).reshape(len(found), N_ROWS, 2)
    assert len(there)==len(lm), f'expected {len(lm)} frames, found {len(there)}'
    assert (np.isnan(there)==np.isnan(lm[...,:2])).all(), 'expected the same parts in each frame'
    apart = np.nanmax(abs(there-lm[...,:2])[:,SEEN])
    assert np.isfinite(apart) and apart<.02, f'expected landmarks less than .02 apart, found {apart:.3f}'
    expected,found = recognize_video(video, MODEL),choose(page, video)
    assert [e.sign for e in expected]==[e['sign'] for e in found], f'{expected} in Python, {found} in the page'
    assert abs(expected[0].probability-found[0]['probability'])<.05, f'{expected} in Python, {found} in the page'
    return f'{len(lm)} frames, {apart:.4f} apart at most'

# ---- Silence: nothing is asked of anyone else

def requests(log, url):
    "What pages and workers of a site asked of others so far, by Chromium's own log"
    lines = [line for line in log.read_text(errors='replace').splitlines() if f'"initiator":"{url}"' in line]
    return {u for line in lines for u in re.findall(r'"url":"([^"]+)"', line) if not u.startswith((url, 'blob:'))}

FORBIDDEN = {
    'fetch': "fetch('https://example.com/a').catch(() => 0)",
    'a picture': "(new Image()).src = 'https://example.com/b.png'",
    'a script': "document.head.append(Object.assign(document.createElement('script'), {src: 'https://example.com/c.js'}))",
    'a style': "document.head.append(Object.assign(document.createElement('link'), {rel: 'stylesheet', href: 'https://example.com/d.css'}))",
    'a beacon': "navigator.sendBeacon('https://example.com/e', 'x')",
    'a socket': "(() => { try { new WebSocket('wss://example.com/f') } catch {} })()",
    'a frame': "document.body.append(Object.assign(document.createElement('iframe'), {src: 'https://example.com/g'}))"}
WORKER = """new Promise(done => {
    const code = "fetch('https://example.com/h').then(() => postMessage('sent'), e => postMessage(`${e}`))";
    new Worker(URL.createObjectURL(new Blob([code]))).onmessage = e => done(e.data);
})"""

def check_silence(page, site, url):
    "The page tries to reach nobody else, could not if it tried, and an attempt would be seen"
    log = site.parent/'net.json'
    told = page.js('violations')
    assert '"initiator":"'+url in log.read_text(errors='replace'), 'expected requests in the log'
    assert not told, f'expected a page that keeps its own rules, found {told}'
    assert not requests(log, url), f'expected no request, found {requests(log, url)}'
    for what,code in FORBIDDEN.items():
        before = len(page.js('violations'))
        page.js(f'(() => {{ {code} }})()')
        page.wait(f'violations.length>{before}', 5)
    assert 'Failed' in (told:=page.js(WORKER)), f'expected that a worker may not either, found {told}'
    (site/'test'/'open.html').write_text('<!doctype html><title>open</title><img src="https://example.com/seen.png">')
    assert not requests(log, url), f'expected that these are forbidden, found {requests(log, url)}'
    page.call('Page.navigate', url=f'{url}/test/open.html') # a page without rules
    wait(lambda: 'https://example.com/seen.png' in requests(log, url), 'the request of a page without rules', 20)
    return f'{len(FORBIDDEN)} kinds of request are forbidden'

# ---- Looks and keys

CONTRAST = """(() => {
    const numbers = color => color.match(/[\\d.]+/g).map(Number);
    const light = color => numbers(color).slice(0, 3).map(v => v/255).map(v => v<=.04045 ? v/12.92 : ((v+.055)/1.055)**2.4)
        .reduce((a, v, i) => a + v*[.2126, .7152, .0722][i], 0);
    const ground = e => { for (; e; e = e.parentElement) {
        const c = getComputedStyle(e).backgroundColor; if (numbers(c)[3] !== 0) return c } return 'rgb(255,255,255)' };
    const poor = [];
    for (const e of document.querySelectorAll('h1,h2,p,a,button,summary,span,li,label,code')) {
        if (!e.checkVisibility({visibilityProperty: true}) || !e.innerText?.trim() || e.disabled) continue;
        const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x), ratio = (a+.05)/(b+.05);
        if (ratio < 4.5) poor.push(`${e.tagName} ${e.innerText.slice(0, 30)}: ${ratio.toFixed(2)}`);
    }
    return poor;
})()"""

SIZES = dict(phone=(360, 740), desktop=(1280, 900))

def check_looks(page, site, url):
    "The page fits phone and desktop, and can be read in the light and in the dark, before and after a video"
    seen = []
    for size,(width,height) in SIZES.items():
        page.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=size=='phone')
        open_page(page, url)
        for state in ('idle', 'done'):
            if state=='done': choose(page, site/'test'/'person.mp4')
            for theme in ('light', 'dark'):
                page.call('Emulation.setEmulatedMedia', features=[
                    dict(name='prefers-color-scheme', value=theme), dict(name='prefers-reduced-motion', value='reduce')])
                where = f'{size}, {theme}, {state}'
                wide = page.js('document.documentElement.scrollWidth')
                assert wide<=width, f'{where}: expected a page {width} wide, found {wide}'
                poor = page.js(CONTRAST)
                assert not poor, f'{where}: expected a contrast of 4.5, found {poor[:5]}'
                seen.append(page.js('getComputedStyle(document.body).backgroundColor'))
                page.screenshot(ROOT/'out'/'web'/f'{size}-{theme}-{state}.png')
    assert len(set(seen))==2, f'expected two themes, found {set(seen)}'
    page.call('Emulation.clearDeviceMetricsOverride')
    return f'{len(seen)} views, in out/web'

def press(page, key, code=0, text=None):
    for kind in ('keyDown', 'keyUp'):
        more = dict(text=text) if text and kind=='keyDown' else {}
        page.call('Input.dispatchKeyEvent', type=kind, key=key, code=key, windowsVirtualKeyCode=code, **more)

def check_keys(page, site, url):
    "Everything can be reached and done with keys, and is seen to have the focus"
    open_page(page, url)
    page.call('Page.setInterceptFileChooserDialog', enabled=True)
    page.js("document.querySelectorAll('details').forEach(d => { d.open = true })")
    reached = []
    for _ in range(40):
        press(page, 'Tab', 9)
        reached.append(page.js("(e => e.id || e.value || e.innerText?.trim())(document.activeElement)"))
        ring = page.js("(e => e==document.body || [e, e.nextElementSibling].some(o => o && getComputedStyle(o).outlineStyle!='none'))"
                       "(document.activeElement)")
        assert ring, f'expected to see the focus on {reached[-1]}'
        if reached[-1]=='choose':
            press(page, 'Enter', 13, '\r')
            wait(lambda: page.js('1') and any(m=='Page.fileChooserOpened' for m,_ in page.events), 'a choice of files', 10)
    missing = {'camera', 'choose', 'all', 'none', 'hello'}-set(reached)
    assert not missing, f'expected to reach {missing} with Tab, found {reached}'
    page.call('Page.setInterceptFileChooserDialog', enabled=False)
    return f'{len(set(reached))} places'

# ---- The run

CHECKS = check_streams, check_answers, check_recognition, check_signs, check_landmarks, check_looks, check_keys, check_silence

def passed(check, *args):
    "Whether a check passes; a line says so"
    start = time.monotonic()
    try: said,ok = check(*args),True
    except Exception as e: said,ok = f'FAILED: {type(e).__name__}: {e}',False
    print(f'{check.__doc__}: {said} ({time.monotonic()-start:.0f} s)', flush=True)
    return ok

def main():
    program,chosen = chromium(),[c for c in CHECKS if not sys.argv[1:] or c.__name__ in sys.argv[1:]]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmp:
        tmp = Path(tmp)
        site = build_site(MODEL, tmp/'site')
        (site/'test').mkdir()
        with opened(site, tmp, program) as (page,url):
            good = [passed(check, page, site, url) for check in chosen]
    print(f'{sum(good)} passed, {len(good)-sum(good)} failed')
    return int(not all(good))

if __name__=='__main__': sys.exit(main())
