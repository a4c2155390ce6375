"The browser's code in a real browser: the same signs as in Python, and nothing sent to anyone; needs Chromium"
import json
import sys
import tempfile
import threading
import time
import warnings
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace

import numpy as np

from asl_nb.config import Config
from asl_nb.data.synth import synth_clip, synth_signer, synth_signs
from asl_nb.landmarks import ClipWarning, LEFT_HAND, N_ROWS, POSE, RIGHT_HAND
from asl_nb.predict import NO_SIGN, Recognizer
from asl_nb.pretrained import load_prototypes
from asl_nb.stream import SignStarted, StreamRecognizer, stream_settings
from chromium import browser, chromium

WEB = Path(__file__).parent.parent/'asl_nb'/'assets'/'web'
ALONE = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' # no other machine has an address

N_STREAMS = 300

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

def check_streams(page, site):
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

def check_answers(page, site):
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

# ---- The run

class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args): pass

@contextmanager
def serving(folder):
    "The address of a web server for a folder"
    with ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try: yield f'http://127.0.0.1:{server.server_port}'
        finally: server.shutdown()

CHECKS = check_streams, check_answers

def main():
    failed,program = 0,chromium()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmp:
        tmp = Path(tmp)
        site = tmp/'site'
        copytree(WEB, site)
        (site/'test').mkdir()
        (site/'index.html').write_text('<!doctype html><title>test</title>')
        with serving(site) as url, browser(tmp, program, ALONE) as page:
            page.call('Page.navigate', url=url)
            page.wait('document.title')
            for check in CHECKS:
                start = time.monotonic()
                try: said = check(page, site)
                except Exception as e: failed,said = failed+1,f'FAILED: {type(e).__name__}: {e}'
                print(f'{check.__doc__}: {said} ({time.monotonic()-start:.0f} s)', flush=True)
    print(f'{len(CHECKS)-failed} passed, {failed} failed')
    return int(failed>0)

if __name__=='__main__': sys.exit(main())
