"""Whether Holistic of MediaPipe's Tasks API finds what the older `mp.solutions.holistic` found.

    python3.11 -m venv old && old/bin/pip install mediapipe==0.10.21
    python benchmarks/holistic.py --videos FOLDER [--old old/bin/python] [--limit N] [--landmarks DATA]

The older one stands for all that is already there: its landmarks are what most models and data sets, GISLR among them,
were made with. It ended with MediaPipe 0.10.21, so it runs in a Python of its own, which needs only that package.
Both get the same decoded frames, of each video as it is, mirrored, small, dark and drawn. Printed are

* landmarks: by variant and part, the frames in which both, only the old one or only the new one saw the part; where
  both did, the largest difference of any point in a frame, as a share of the picture: median and 90th percentile. The
  same for z, which the recognizer does not use;
* answers: to how many clips the recognizer gives the same answer and the same top-1 from both. A file index.csv in
  FOLDER (file, sign) says which videos show a sign that it knows: they are counted separately too;
* a measure for these: what JPEG of quality 95 changes in the landmarks and answers of the new one;
* time: processor time per frame, and from a cold start to the first landmarks, as ratios to the old one (which loads
  TensorFlow where that is installed);
* stored: with DATA, a folder in GISLR's layout whose train.csv names videos (column video), how near its landmarks are
  to both. They were made by the old one, so this shows what a change of decoder alone does.

Exits with 1 unless the median difference of hands is below .01 and at least 97 % of top-1 are the same.
"""
import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from asl_nb.clip import Clip
from asl_nb.holistic import HolisticExtractor
from asl_nb.landmarks import FACE, LEFT_HAND, POSE, RIGHT_HAND
from asl_nb.predict import Recognizer
from asl_nb.utils import DEFAULT_WEIGHTS
from asl_nb.video import describe_frames, iter_frames, timed_frames
from inference import find_videos,poor

HANDS_WITHIN,SAME_TOP1 = .01,.97
HIPS = POSE.start+25 # the first pose point below the hips
PARTS = {'face':FACE, 'left hand':LEFT_HAND, 'right hand':RIGHT_HAND, 'pose to the hips':slice(POSE.start, HIPS),
         'legs':slice(HIPS, POSE.stop)}
HANDS = 'left hand','right hand'
VARIANTS = { # what becomes of a frame (H, W, 3) uint8 RGB
    'as it is':lambda frame: frame,
    'mirrored':lambda frame: frame[:,::-1],
    'small, 40 %':lambda frame: cv2.resize(frame, None, fx=.4, fy=.4, interpolation=cv2.INTER_AREA),
    'dark, 35 %':lambda frame: (.35*frame).astype(np.uint8),
    'drawn':lambda frame: cv2.stylization(frame, sigma_s=60, sigma_r=.45)}

# the two ways from frames to landmarks

OLD = '''
import json, sys, time
import numpy as np
from mediapipe.python.solutions.holistic import Holistic
parts = ('face',468), ('left_hand',21), ('pose',33), ('right_hand',21)

def row(results):
    found = [(getattr(results, name+'_landmarks'), n) for name,n in parts]
    return np.concatenate([[(p.x, p.y, p.z) for p in f.landmark] if f else np.full((n,3), np.nan) for f,n in found])

for job in sys.stdin:
    frames,out = json.loads(job)
    frames = np.load(frames, allow_pickle=False)
    with Holistic() as model:
        lm = [row(model.process(frames[0]))]
        start = time.process_time()
        lm += [row(model.process(frame)) for frame in frames[1:]]
        took = time.process_time()-start
    np.save(out, np.array(lm, np.float32))
    print('seconds', took, flush=True)
''' # reads lines of JSON, [file of frames, file for their landmarks], and answers each with a line
NEW = '''
import sys
import numpy as np
from asl_nb.holistic import HolisticExtractor
with HolisticExtractor() as extract: extract(np.load(sys.argv[1], allow_pickle=False)[0])
'''

class OldHolistic:
    "`mp.solutions.holistic` in another Python"
    def __init__(self, python, folder):
        self.command = [str(python), '-c', OLD]
        self.frames,self.landmarks,self.errors = (Path(folder)/f for f in ('frames.npy','landmarks.npy','errors.txt'))
        self.job = json.dumps([str(self.frames), str(self.landmarks)])+'\n'

    def __enter__(self):
        with open(self.errors, 'w') as errors:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                            text=True)
        return self

    def __exit__(self, *exc): self.process.communicate()

    def __call__(self, frames):
        "Landmarks of a clip's frames, and seconds of processor time for all but the first"
        np.save(self.frames, frames)
        with suppress(BrokenPipeError): print(self.job, end='', file=self.process.stdin, flush=True)
        for line in self.process.stdout:
            if line.startswith('seconds '): return np.load(self.landmarks, allow_pickle=False),float(line.split()[1])
        found = self.errors.read_text().strip().splitlines()[-1:]
        raise RuntimeError(f'{self.command[0]}: expected landmarks of mediapipe 0.10.21, found {found}')

def new_holistic(frames):
    "Landmarks of a clip's frames, and seconds of processor time for all but the first"
    with HolisticExtractor() as extract:
        lm = [extract(frames[0])]
        start = time.process_time()
        lm += [extract(frame) for frame in frames[1:]]
        return np.array(lm),time.process_time()-start

def compare_video(video, old):
    "Both landmarks of each variant of a video, as dicts"
    times,frames = zip(*timed_frames(video.file))
    info = describe_frames(video.file, times, frames[0])
    for variant,change in VARIANTS.items():
        changed = np.stack([change(frame) for frame in frames])
        (before,old_s),(after,new_s) = old(changed),new_holistic(changed)
        yield dict(file=Path(video.file).name, known=video.known, variant=variant, aspect=info.aspect, fps=info.fps,
                   old=before, new=after, old_s=old_s, new_s=new_s)

# what differs

def part_seen(lm, part): return ~np.isnan(lm[:,PARTS[part],0]).all(1)

def farthest(a, b, part, axes):
    "Largest difference of any point, in each frame in which both saw the part"
    both = part_seen(a, part)&part_seen(b, part)
    return np.nanmax(np.abs(a-b)[both,PARTS[part]][...,axes], (1, 2))

def part_row(pairs, part):
    "How often both saw a part, and how far apart its points are"
    seen = np.concatenate([[part_seen(lm, part) for lm in pair] for pair in pairs], 1)
    xy,z = (np.concatenate([farthest(*pair, part, axes) for pair in pairs]) for axes in (slice(2), slice(2, 3)))
    middle = lambda far: [f'{q:.4f}' for q in (np.quantile(far, (.5, .9)) if len(far) else (np.nan, np.nan))]
    both = seen.all(0).sum()
    return [part, both, *(seen.sum(1)-both), *middle(xy), *middle(z)]

def print_parts(title, pairs, names=('only old','only new')):
    "Print what two sets of landmarks have in common, by part"
    table = pd.DataFrame([part_row(pairs, part) for part in PARTS],
                         columns=['part','both',*names,'median','p90','z median','p90'])
    print(f'\n{title}: {len(pairs)} clips, {sum(len(a) for a,_ in pairs)} frames')
    print(table.to_string(index=False))

def print_landmarks(rows):
    "Print the differences of each variant"
    for variant,group in rows.groupby('variant', sort=False): print_parts(variant, list(zip(group.old, group.new)))

def answers(rows, recognizer):
    "Answer and top-1 from both landmarks, and the probability that each gives to the old top-1"
    for row in rows.itertuples():
        old,new = (recognizer.predict(Clip(lm, row.aspect, row.fps), top=len(recognizer.classes))
                   for lm in (row.old, row.new))
        top = old.top[0]
        yield dict(variant=row.variant, known=row.known, file=row.file, old=top.sign, new=new.top[0].sign,
                   p_old=top.probability, p_new=dict(new.top)[top.sign], old_answer=old.sign, new_answer=new.sign)

def answer_row(group):
    "How many answers of a group are the same"
    change = (group.p_old-group.p_new).abs()
    return pd.Series({'clips':len(group), 'same answer':(group.old_answer==group.new_answer).sum(),
                      'same top-1':(group.old==group.new).sum(), 'change of p, median':f'{change.median():.3f}',
                      'largest':f'{change.max():.3f}'})

def print_answers(table):
    "Print how often both get the same answer, and the clips whose answer or top-1 differs"
    counts = {**dict(iter(table.groupby('variant', sort=False))), 'all':table, 'all of known signs':table[table.known]}
    print('\nAnswers')
    print(pd.DataFrame({name:answer_row(group) for name,group in counts.items() if len(group)}).T.to_string())
    for row in table[(table.old!=table.new)|(table.old_answer!=table.new_answer)].itertuples():
        print(f'  {row.variant}, {row.file}: {row.old} {row.p_old:.2f}, now {row.new} (and {row.old} {row.p_new:.2f}); '
              f'answer {row.old_answer}, now {row.new_answer}')

def print_measure(rows, videos, recognizer):
    "Print the differences that JPEG makes"
    plain = rows[rows.variant.eq('as it is')] # in the order of the videos
    jpeg = [new_holistic([poor(frame, 95) for frame in iter_frames(file)])[0] for file in videos.file]
    print_parts('The new one on frames as they are, and stored as JPEG', list(zip(plain.new, jpeg)),
                ('only as they are','only JPEG'))
    print_answers(pd.DataFrame(answers(plain.assign(variant='JPEG', old=plain.new, new=jpeg), recognizer)))

def print_stored(rows, folder):
    "Print how near the landmarks of a data folder are to both"
    stored = pd.read_csv(Path(folder)/'train.csv').dropna(subset='video').set_index('video').path
    rows = rows[rows.variant.eq('as it is')&rows.file.isin(stored.index)]
    lms = [Clip.read(Path(folder)/stored[file]).lm for file in rows.file]
    for name in ('old','new'):
        pairs = [(a, b) for a,b in zip(lms, rows[name]) if len(a)==len(b)]
        print_parts(f'Stored landmarks and the {name} ones, of {len(lms)} clips those with as many frames', pairs,
                    ('only stored', f'only {name}'))

# time

def children_seconds(command, text=''):
    "Seconds a command takes: of the clock, of the processor"
    used = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    start,before = time.perf_counter(),used()
    subprocess.run(command, input=text, text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter()-start,used()-before

def print_times(rows, old, rounds=3):
    "Print the time per frame, and from a cold start to the first landmarks"
    n = sum(len(lm)-1 for lm in rows.old)
    ms = 1e3*rows[['old_s','new_s']].sum()/n
    print(f'\nProcessor time per frame: old {ms.old_s:.1f} ms, new {ms.new_s:.1f} ms, ratio {ms.new_s/ms.old_s:.2f}')
    np.save(old.frames, np.load(old.frames)[:1])
    commands = [(old.command, old.job), ([sys.executable, '-c', NEW, str(old.frames)],)]
    took = np.median([[children_seconds(*command) for command in commands] for _ in range(rounds)], 0)
    for kind,(before,after) in zip(('clock','processor'), took.T):
        print(f'Cold start to the first landmarks, {kind}: old {before:.1f} s, new {after:.1f} s, '
              f'ratio {after/before:.2f}')

def print_verdict(rows, table):
    "Print whether the new one may replace the old one; returns it"
    pairs = list(zip(rows.old, rows.new))
    hands = np.median(np.concatenate([farthest(*pair, hand, slice(2)) for pair in pairs for hand in HANDS]))
    same = (table.old==table.new).mean()
    fine = hands<HANDS_WITHIN and same>=SAME_TOP1
    print(f'\nHands differ by {hands:.4f} of the picture in the median frame (below {HANDS_WITHIN}); '
          f'{same:.1%} of top-1 are the same (at least {SAME_TOP1:.0%}): {"near enough" if fine else "too far apart"}')
    return fine

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--videos', required=True, help='a folder of videos')
    parser.add_argument('--old', default='old/bin/python', help='a Python with mediapipe 0.10.21')
    parser.add_argument('--limit', type=int, help='use the first N videos')
    parser.add_argument('--landmarks', help='a data folder with stored landmarks of the videos')
    args = parser.parse_args()
    recognizer = Recognizer.from_pretrained(DEFAULT_WEIGHTS)
    videos = find_videos(args.videos, recognizer.signs, args.limit)
    with tempfile.TemporaryDirectory() as d, OldHolistic(args.old, d) as old:
        rows = pd.DataFrame([row for video in videos.itertuples() for row in compare_video(video, old)])
        table = pd.DataFrame(answers(rows, recognizer))
        print(f"{time.strftime('%Y-%m-%d')}, {recognizer}, {len(videos)} videos")
        print_landmarks(rows)
        print_answers(table)
        print_measure(rows, videos, recognizer)
        if args.landmarks: print_stored(rows, args.landmarks)
        print_times(rows, old)
    return int(not print_verdict(rows, table))

if __name__=='__main__': sys.exit(main())
