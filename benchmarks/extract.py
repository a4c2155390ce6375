"""How many more frames several processes, and a Ray cluster, find landmarks in, compared with one process.

    python benchmarks/extract.py [--videos FOLDER] [--workers 1 2 ...] [--ray] [--rounds N] [--check]

Each run makes a data set of the same videos, in a new process: moving photographs, or the videos of FOLDER. The ways take
turns. Everything counts, from planning to the tables, starting the processes and loading MediaPipe too; starting Ray does not.

A run has one core for each worker: one landmarker alone would use more than one core now and then, and the gain would be that
of idle cores. Wall time tells what a user gets on a quiet machine. Processor time, which others on the machine change little,
tells what is possible: workers that cost no more per frame than one process.

`--check` runs everything small. The exit code is 1 if any way gives other bytes than one process.
"""
import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pandas as pd

from asl_nb.data.extract import extract_videos
from asl_nb.video import find_videos, write_video

def photographs(folder, n, frames):
    "Videos of a person's photograph, each shifted and zoomed in its own way"
    import cv2
    from skimage.data import astronaut
    for i in range(n):
        turns = 2*np.pi*np.linspace(0, 1, frames)+i
        moves = (np.float32([[1.1+.1*np.sin(t), 0, 50+20*np.sin(2*t)], [0, 1.1+.1*np.sin(t), -20+10*np.cos(t)]]) for t in turns)
        write_video(folder/'photograph'/f'{i}.mp4', (cv2.warpAffine(astronaut(), m, (640, 480)) for m in moves))

def listed(folder, videos):
    "A table of a folder's videos"
    table = pd.DataFrame({'path':[str(p.resolve()) for p in find_videos(videos)], 'sign':'a'})
    if not len(table): raise FileNotFoundError(f'{videos}: expected videos, found none')
    table.to_csv(folder/'videos.csv', index=False)
    return folder/'videos.csv'

def digest(folder):
    "A hash of all files of a folder"
    files = sorted(p for p in folder.rglob('*') if p.is_file())
    return hashlib.sha256(b''.join(p.relative_to(folder).as_posix().encode()+p.read_bytes() for p in files)).hexdigest()

def processor_seconds():
    "Of this process and of those it has waited for"
    return sum(u.ru_utime+u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))

def one_run(videos, out, workers, ray):
    "Make a data set; print what it took as JSON"
    if hasattr(os, 'sched_setaffinity'): os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:workers])
    how = dict(n_workers=workers)
    if ray:
        import ray
        ray.init(address='local', num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level='ERROR')
        how = dict(address='auto')
    start,before = time.perf_counter(),processor_seconds()
    with redirect_stdout(sys.stderr): extract_videos(videos, out, progress=False, **how)
    print(json.dumps(dict(wall=time.perf_counter()-start, processor=processor_seconds()-before)))

def measured(videos, folder, name, workers, ray):
    "Seconds and digest of a run in a new process"
    out = folder/name.replace(' ', '_')
    words = ['--one', str(out), '--videos', str(videos), '--workers', str(workers), *(['--ray'] if ray else [])]
    ran = subprocess.run([sys.executable, '-W', 'ignore', __file__, *words], capture_output=True, text=True,
                         env={**os.environ, 'OMP_NUM_THREADS':'1'})
    if ran.returncode: sys.exit(ran.stderr)
    frames = sum(len(pd.read_parquet(p, columns=['frame']).frame.unique()) for p in out.rglob('*.parquet'))
    found = dict(way=name, workers=workers, frames=frames, digest=digest(out), **json.loads(ran.stdout.splitlines()[-1]))
    for p in sorted(out.rglob('*'), reverse=True): p.rmdir() if p.is_dir() else p.unlink()
    return found

def summary(runs):
    "Median of each way, and ratios to one process"
    table = runs.groupby('way', sort=False).agg(dict(workers='first', frames='first', wall='median', processor='median'))
    table['frames/s'] = table.frames/table.wall
    table['ratio'] = table['frames/s']/table['frames/s'].iloc[0]
    table['by processor time'] = table.workers*table.processor.iloc[0]/table.processor
    table.loc[table.index.str.contains('Ray'), ['processor','by processor time']] = np.nan # Ray's are nobody's children
    return table.round(2)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--videos', help='a folder of videos')
    parser.add_argument('--workers', type=int, nargs='+', default=[1, 2], help='the first is what others are compared with')
    parser.add_argument('--ray', action='store_true', help='also Ray, with as many CPUs as most workers')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--check', action='store_true', help='small')
    parser.add_argument('--one', help=argparse.SUPPRESS) # a run in its own process: the data folder to write
    args = parser.parse_args()
    if args.one: return one_run(args.videos, args.one, args.workers[0], args.ray)
    n,frames,rounds = (3,4,1) if args.check else (24,90,args.rounds)
    ways = [(f'{w} process{"es"*(w>1)}', w, False) for w in args.workers]
    if args.ray: ways.append(('Ray', max(args.workers), True))
    with tempfile.TemporaryDirectory() as d:
        folder = Path(d)
        if not args.videos: photographs(folder, n, frames)
        videos = listed(folder, args.videos or folder)
        runs = pd.DataFrame([measured(videos, folder, *way) for _ in range(rounds) for way in ways])
    print(f"{time.strftime('%Y-%m-%d')}, {len(pd.unique(runs.digest))} different result(s) of {len(runs)} runs, "
          f'one core for each worker, median of {rounds}')
    print(summary(runs).to_string())
    return int(runs.digest.nunique()>1)

if __name__=='__main__': sys.exit(main())
