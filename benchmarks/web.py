"""Speed and memory of the page, while it watches a video in Chromium without a GPU.

    python benchmarks/web.py                  # five minutes of a person who is seen, with landmarks of signs
    python benchmarks/web.py --minutes 1      # a shorter time
    python benchmarks/web.py --video FILE     # a video of your own that browsers play, over and over
    python benchmarks/web.py --check          # a few seconds: does it run?

The page is the real one. Only three of its modules are wrapped by a stopwatch. The landmarker works in a worker, so its time may overlap
with the others'. Without --video nobody signs in the pictures: the landmarker finds a person without hands, which takes it
less time, and then known landmarks of signs take the place of what it found, so that there is something to recognize.
Memory is that of all of Chromium's processes (PSS), and the page's own JavaScript objects. Python's HolisticExtractor sees the same video in the
same run, for a ratio. Both compute on the CPU, and without a GPU Chromium draws with it, too: a usual browser is faster.

Chromium keeps the pictures of about the first thousand frames in a cache that does not grow further (some 200 MB for small ones): memory
counts from there on.
"""
import argparse
import os
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from skimage.data import astronaut

from asl_nb.holistic import HolisticExtractor
from asl_nb.landmarks import LEFT_HAND, N_ROWS, RIGHT_HAND
from asl_nb.pretrained import load_prototypes
from asl_nb.utils import DEFAULT_WEIGHTS, check_amount
from asl_nb.video import timed_frames
from asl_nb.web import build_site

sys.path.insert(0, str(Path(__file__).parent.parent/'.ci'))
from chromium import chromium
from webpage import give, opened, write_mp4

FPS,SECONDS = 25,20 # of the video
FRAMES = 60 # for Python
STOPWATCH = """
globalThis.spent ??= {frames: 0};
let ended = 0; // of the last call: the next one may have waited for it
const timed = (what, call) => async (...args) => {
  const start = performance.now(), answer = await call(...args), now = performance.now();
  spent[what] = (spent[what] ?? 0) + now - Math.max(start, ended);
  ended = now;
  return answer;
};
"""
WRAPPED = {
    'landmarker':"""
import {loadInWorker as own} from './own_landmarker.js';
const known = new Float32Array(await (await fetch('/known.bin')).arrayBuffer()), size = %d, n = known.length / size;
export async function loadInWorker(options) {
  const landmarker = await own(options);
  const landmarks = timed('landmarker', landmarker.landmarks);
  return {...landmarker, async landmarks(image) {
    const found = await landmarks(image), at = spent.frames++ %% n;
    return n ? known.slice(at * size, (at + 1) * size) : found;
  }};
}
export const loadLandmarker = loadInWorker;
""" % (2*N_ROWS),
    'recognizer':"""
import {loadRecognizer as own} from './own_recognizer.js';
export async function loadRecognizer(options) {
  const {probabilities} = await own(options);
  return {probabilities: timed('recognition', probabilities)};
}
""",
    'view':"""
export * from './own_view.js';
import {drawSkeleton as own} from './own_view.js';
export function drawSkeleton(...args) {
  const start = performance.now();
  own(...args);
  spent.drawing = (spent.drawing ?? 0) + performance.now() - start;
}
"""}

def wrap(site, known):
    "Put a stopwatch around three modules of a site"
    known.astype(np.float32).tofile(site/'known.bin')
    for name,text in WRAPPED.items():
        (site/f'{name}.js').rename(site/f'own_{name}.js')
        (site/f'{name}.js').write_text(STOPWATCH+text)

def signing():
    "Landmarks of signs with pauses, in which no hand is seen"
    made = []
    for lm in load_prototypes().values():
        rest = np.repeat(lm[:1], 20, 0)
        rest[:,LEFT_HAND] = rest[:,RIGHT_HAND] = np.nan
        made += [rest, lm]
    return np.concatenate(made)

def make_video(path):
    "A person who moves to and fro"
    picture = astronaut()
    places = cycle([*range(0, 64, 2), *range(64, 0, -2)])
    write_mp4(path, [np.ascontiguousarray(picture[:448,i:i+448]) for i in islice(places, FPS*SECONDS)], FPS)

def memory():
    "Megabytes of all processes that come from this one, without itself"
    parents,sizes = {},{}
    for path in Path('/proc').glob('[0-9]*'):
        try:
            parents[int(path.name)] = int((path/'stat').read_text().rpartition(')')[2].split()[1])
            sizes[int(path.name)] = int((path/'smaps_rollup').read_text().split('Pss:')[1].split()[0])/1024
        except (OSError, IndexError): pass # it is gone, or a thread of the system
    def ours(p): return p in parents and (parents[p]==os.getpid() or ours(parents[p]))
    return sum(mb for p,mb in sizes.items() if ours(p))

def watch(page, video, seconds):
    "Let the page watch a video over and over; rows of (seconds, frames, MB of Chromium, MB of objects)"
    rows,start = [],None
    while start is None or time.monotonic()-start<seconds:
        give(page, video)
        page.wait("document.body.dataset.state=='running'", 120)
        if start is None: # the models are loaded
            page.js('globalThis.spent = {frames: 0}')
            start = time.monotonic()
        while page.js("document.body.dataset.state")=='running' and time.monotonic()-start<seconds:
            time.sleep(min(5, seconds/4))
            page.call('HeapProfiler.collectGarbage')
            objects = page.call('Runtime.getHeapUsage')['usedSize']/2**20
            rows.append((time.monotonic()-start, page.js('spent.frames'), memory(), objects))
        assert page.js("document.body.dataset.state")!='error', page.js("document.querySelector('#message').innerText")
    return rows

def python_rate(video):
    "Frames per second of Python's landmarker"
    frames = [f for _,f in islice(timed_frames(video), FRAMES)]
    with HolisticExtractor() as extract:
        extract(frames[0])
        start = time.monotonic()
        for f in frames: extract(f)
        return len(frames)/(time.monotonic()-start)

def minutes(rows):
    "(frames per second, MB of Chromium, MB of objects) of each minute"
    for minute in range(int(rows[-1][0]//60)+1):
        some = [r for r in rows if minute*60<=r[0]<(minute+1)*60]
        if len(some)<2: continue
        yield (some[-1][1]-some[0][1])/(some[-1][0]-some[0][0]),*np.mean(some, 0)[2:]

def report(rows, spent, python):
    "Print what was found"
    seconds,frames,*_ = rows[-1]
    print(f'{frames} frames in {seconds:.0f} s: {frames/seconds:.1f} per second, Python {python:.1f}, {frames/seconds/python:.2f} times')
    for what in ('landmarker', 'recognition', 'drawing'):
        ms = spent.get(what, 0)
        print(f'{what:12} {ms/frames:6.1f} ms per frame, {ms/1000/seconds:6.1%} of the time')
    print('\nminute  frames per second  Chromium MB  objects MB')
    for i,found in enumerate(minutes(rows)): print('{:6} {:18.1f} {:12.0f} {:11.1f}'.format(i+1, *found))

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float, default=5.)
    parser.add_argument('--video', type=Path)
    parser.add_argument('--check', action='store_true')
    args = parser.parse_args()
    check_amount(minutes=args.minutes)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmp:
        tmp = Path(tmp)
        site,video = build_site(DEFAULT_WEIGHTS, tmp/'site'),args.video or tmp/'video.mp4'
        wrap(site, np.zeros(0) if args.video else signing())
        if not args.video: make_video(video)
        with opened(site, tmp, chromium()) as (page,_):
            rows = watch(page, video.absolute(), 8 if args.check else 60*args.minutes)
            spent = page.js('spent')
        report(rows, spent, python_rate(video))

if __name__=='__main__': main()
