"""How fast raw files become batches, each figure beside its baseline from the same run.

    python benchmarks/data.py [--clips 3000] [--data FOLDER] [--check]

Without DATA, it makes CLIPS synthetic clips in exactly the competition's file format, and deletes them at the end. All are
built into a store. Repeated measurements use the first 2,000.

* Preprocessing, against only reading the x and y columns with pyarrow, in one process. "Store" is what `asl data preprocess`
  does: check every line, keep 97 of 543 points, count what was seen, hash, write. "Store and features" adds what training
  does once for each clip: fill gaps, normalize, resample to 32 frames.
* The loader, against the usual design: one .npy file of finished features per clip, augmentation of each item in Python, a
  DataLoader that collates. Both shuffle, and apply the same augmentations with the same probability. Our first
  epoch also makes the features, so it is listed separately.
* Whether both give the same distribution of clips: two-sample Kolmogorov-Smirnov tests.
* The store: bytes per clip, time to open, peak memory of the build, with figures for the competition's 94,477 clips.

Every timing is the best of several alternating rounds in one process. Timings of one core are processor time.
`--check` runs everything small, and exits with 1 if the distributions differ.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from scipy.stats import ks_2samp

from asl_nb.config import Config
from asl_nb.data.dataset import ASLDataset, to_PT_DataLoader
from asl_nb.data import raw
from asl_nb.data.raw import read_table
from asl_nb.data.store import Store, preprocess_raw_data
from asl_nb.data.synth import make_dataset
from usual import Usual

GISLR_CLIPS,GISLR_FRAMES = 94_477,38.  # mean frames per clip
SOME = 2000                            # clips of the repeated timings

def seconds(*fns, rounds=5, clock=time.process_time):
    "The least time of each function, run alternately"
    times = [[] for _ in fns]
    for _ in range(rounds):
        for fn,ts in zip(fns, times):
            start = clock()
            fn()
            ts.append(clock()-start)
    return [min(ts) for ts in times]

def cpu_seconds(fn):
    "Processor time that a function takes in this process, and in those that it starts"
    now = lambda: np.reshape(os.times()[:4], (2, 2)).sum(1)
    start = now()
    fn()
    return now()-start

# preprocessing

def bare(files):
    "Read the two columns of each file"
    for f in files: pq.ParquetFile(f, memory_map=True).read(columns=['x','y'], use_threads=False)

def build(data, n_workers=1):
    "Build a store from scratch, as a new process would, and throw it away"
    raw._in_order_bytes.clear() # what was learned about files before
    with tempfile.TemporaryDirectory() as d:
        preprocess_raw_data(data, Config(ROOT_PATH=d), 10**9, n_workers, progress=False)

def first_clips(data, out, n):
    "A data folder of the first clips of another"
    out.mkdir()
    pd.read_csv(data/Config.TRAIN_CSV_FILE, dtype=str).head(n).to_csv(out/Config.TRAIN_CSV_FILE, index=False)
    shutil.copy(data/Config.MAP_JSON_FILE, out)
    (out/Config.LANDMARK_FILES).symlink_to((data/Config.LANDMARK_FILES).resolve())
    return out

def features(store, cfg, n):
    "Make the features of the first clips, in batches"
    for i in range(0, n, 128): store.gather(np.arange(i, min(i+128, n)), cfg)

PEAK = """
import sys,tempfile
from asl_nb.config import Config
from asl_nb.data.store import preprocess_raw_data
with tempfile.TemporaryDirectory() as d:
    preprocess_raw_data(sys.argv[1], Config(ROOT_PATH=d), int(sys.argv[2]), 1, False)
print(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')))
"""

def peak_mib(data, sample):
    "Peak memory of a process that builds a store of the first clips (Linux only)"
    found = subprocess.run([sys.executable, '-c', PEAK, str(data), str(sample)], stdout=subprocess.PIPE, check=True)
    return int(found.stdout)/1024

def preprocessing(data, some, store, cfg, rounds):
    "Print the cost of preprocessing all clips of `data`, and in detail of its first ones, in `some`"
    files = read_table(some)[0].file.tolist()
    n = len(files)
    b,s,f = seconds(lambda: bare(files), lambda: build(some), lambda: features(store, cfg, n), rounds=rounds)
    print(f'\nPreprocessing of {n:,} clips, one core, best of {rounds} rounds')
    print(f'  bare reading of x and y  {b/n*1e3:.2f} ms per clip')
    print(f'  store                    {s/n*1e3:.2f} ms per clip, {s/b:.2f} times bare reading')
    print(f'  store and features       {(s+f)/n*1e3:.2f} ms per clip, {(s+f)/b:.2f} times bare reading')
    n = len(store)
    one,two = seconds(lambda: build(data), lambda: build(data, 2), rounds=min(rounds, 2), clock=time.perf_counter)
    print(f'  all {n:,}, wall clock: {n/one:.0f} clips/s with 1 process, {n/two:.0f} with 2 ({one/two:.2f} times)')
    (alone,_),(main,workers) = (cpu_seconds(lambda: build(data, k)) for k in (1, 2))
    print(f'  the same, processor time: {alone:.2f} s with 1 process, {main:.2f} s and twice {workers/2:.2f} s with 2 '
          f'({alone/(main+workers/2):.2f} times, if two cores are free)')
    print(f'  all {GISLR_CLIPS:,} clips of the competition, at {GISLR_FRAMES:.0f} frames: '
          f'{GISLR_CLIPS*GISLR_FRAMES/store.frames.mean()*two/n/60:.1f} minutes with 2 processes')
    if not Path('/proc/self/status').exists(): return
    sizes = n//4,n
    quarter,whole = (peak_mib(data, k) for k in sizes)
    print(f'  peak memory: {quarter:.0f} MiB for {sizes[0]:,} clips, {whole:.0f} MiB for {sizes[1]:,}')

# the loader

def epoch(loader):
    "Go once over a loader"
    for _ in loader: pass

def loaders(store, cfg, folder, rounds):
    "Print the speed of the loader against the usual design"
    n = min(SOME, len(store))
    some,targets = store.table.iloc[:n],store.table.label.tolist()[:n]
    for i,x in enumerate(store.gather(np.arange(n), cfg)[0]): np.save(folder/f'{i}.npy', x)
    print(f'\nLoader, {n:,} clips, one core, shuffled batches of 128, best of {rounds} rounds')
    for threshold in (0., .1, .5, 1.):
        ds = ASLDataset(some, store=store, cfg=cfg, augment=threshold>0, augmentation_threshold=threshold)
        ours = to_PT_DataLoader(ds, 128)
        usual = torch.utils.data.DataLoader(Usual(folder, targets, threshold), 128, shuffle=True)
        first, = seconds(lambda: epoch(ours), rounds=1)
        u,o = seconds(lambda: epoch(usual), lambda: epoch(ours), rounds=rounds)
        print(f'  augmentation {threshold:3.0%}: usual {n/u:7,.0f} clips/s, ours {n/o:7,.0f}, {u/o:.1f} times'
              f' (first epoch {n/first:,.0f})')

def measures(x):
    "Place, size, slant and share of missing points of clips, by name"
    body = x[:,:,82:96]
    seen = ~np.isnan(body[...,0]).all((1,2))
    place,size = np.nanmean(body[seen], (1,2)),np.nanstd(body[seen], (1,2))
    across = np.nanmean(body[seen][:,:,11]-body[seen][:,:,12], 1)
    return dict(x=place[:,0], y=place[:,1], height=size[:,1], slant=np.arctan2(*across.T),
                lost=np.isnan(x).mean((1,2,3)))

def same_distribution(store, cfg, folder, n=2000):
    "Compare what both designs make of one clip; the smallest p-value"
    ds = ASLDataset(store=store, cfg=cfg, augment=True, augmentation_threshold=.5)
    usual = Usual(folder, store.table.label.tolist(), .5, seed=1)
    ours = measures(ds.batch(np.zeros(n, int), np.random.default_rng(0))[0])
    theirs = measures(np.stack([usual[0][0] for _ in range(n)]))
    p = {k:ks_2samp(ours[k], theirs[k]).pvalue for k in ours}
    print(f'\nThe same distribution? {n} versions of one clip from each design, p-values:')
    print('  '+', '.join(f'{k} {v:.2f}' for k,v in p.items()))
    return min(p.values())

# the store

def store_figures(store):
    "Print size and opening time"
    size = sum(p.stat().st_size for p in store.folder.iterdir())
    opened, = seconds(lambda: Store(store.folder), rounds=5, clock=time.perf_counter)
    mean = store.frames.mean()
    print(f'\nStore of {len(store):,} clips, {mean:.1f} frames per clip')
    whole = size/len(store.points)*GISLR_FRAMES*GISLR_CLIPS
    print(f'  {size/len(store)/1e3:.1f} kB per clip, {size/len(store.points):.0f} bytes per frame; '
          f'{whole/1e9:.2f} GB for {GISLR_CLIPS:,} clips of {GISLR_FRAMES:.0f} frames')
    print(f'  opened in {opened*1e3:.1f} ms')

def main():
    "Run everything"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--clips', type=int, default=3000)
    parser.add_argument('--data', help="a folder in GISLR's layout")
    parser.add_argument('--check', action='store_true', help='small, and fail if the distributions differ')
    args = parser.parse_args()
    pa.set_cpu_count(1)
    torch.set_num_threads(1)
    rounds,signers = (1,4) if args.check else (5,20)
    with tempfile.TemporaryDirectory() as tmp:
        tmp,data = Path(tmp),args.data
        cfg = Config(ROOT_PATH=str(tmp))
        if data is None:
            data,signs,clips = tmp/'synthetic',20,60 if args.check else args.clips
            make_dataset(data, signs, signers, max(1, clips//(signs*signers)), progress=not args.check)
        start = time.perf_counter()
        store = Store(preprocess_raw_data(data, cfg, 10**9, 2, progress=False))
        print(f'{len(store):,} clips of {Path(data).name}; built with 2 processes in {time.perf_counter()-start:.1f} s')
        preprocessing(data, first_clips(Path(data), tmp/'some', SOME), store, cfg, rounds)
        (tmp/'npy').mkdir()
        loaders(store, cfg, tmp/'npy', rounds)
        p = same_distribution(store, cfg, tmp/'npy')
        shutil.rmtree(tmp/'npy')
        store_figures(store)
    return int(args.check and p<.001)

if __name__=='__main__': sys.exit(main())
