"""How long preprocessing takes against bare reading of the two columns, on one core, in the same run.

    python benchmarks/preprocess.py [DATA]

DATA is a folder in GISLR's layout; without one 300 synthetic clips are made. The bare reading opens each file with
pyarrow and reads x and y as they are. The whole preprocessing checks every line, packs the kept points, and makes the
features in batches of 128. Both run alternately, and the best of the rounds counts.
"""
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from asl_nb.config import Config
from asl_nb.data.preprocess import kept_rows, make_features
from asl_nb.data.raw import clip_setting, read_clip, read_table
from asl_nb.data.store import preprocess_raw_data
from asl_nb.data.synth import make_dataset

ROUNDS = 7

def bare(files):
    "Read the two columns of each file"
    for f in files: pq.ParquetFile(f, memory_map=True).read(columns=['x','y'], use_threads=False)

def whole(files, table, cfg):
    "Read, check, select and make features"
    rows = kept_rows(cfg)
    aspects,fps = clip_setting(table, 'aspect', cfg),clip_setting(table, 'fps', cfg)
    for i in range(0, len(files), 128):
        clips = [read_clip(f, cfg.COLUMNS_TO_USE, rows) for f in files[i:i+128]]
        offsets = np.cumsum([0]+[len(c) for c in clips])
        make_features(np.concatenate(clips), offsets, aspects[i:i+128], fps[i:i+128], cfg)

def best(fns):
    "The least seconds of each function, run alternately"
    times = [[] for _ in fns]
    for _ in range(ROUNDS):
        for fn,ts in zip(fns, times):
            start = time.perf_counter()
            fn()
            ts.append(time.perf_counter()-start)
    return [min(ts) for ts in times]

def build_seconds(data, n_workers):
    "Seconds to build a store from scratch"
    with tempfile.TemporaryDirectory() as d:
        start = time.perf_counter()
        preprocess_raw_data(data, Config(ROOT_PATH=d), n_workers=n_workers, progress=False)
        return time.perf_counter()-start

def main(data=None):
    "Print the ratios"
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as tmp:
        if data is None:
            data = Path(tmp)/'synthetic'
            make_dataset(data, n_signs=10, n_signers=10, n_clips=3)
        table,_,_ = read_table(data)
        table = table.iloc[:1000]
        files,cfg = table.file.tolist(),Config()
        b,w = best([lambda: bare(files), lambda: whole(files, table, cfg)])
        print(f'{len(files)} clips of {Path(data).name}, one core, best of {ROUNDS} rounds')
        print(f'bare reading of x and y   {b/len(files)*1e3:.2f} ms a clip')
        print(f'whole preprocessing       {w/len(files)*1e3:.2f} ms a clip, {w/b:.2f} times bare reading')
        one,two = (build_seconds(data, n) for n in (1, 2))
        n = len(read_table(data)[0])
        print(f'store of {n} clips: {n/one:.0f} clips/s with 1 process, {n/two:.0f} with 2 ({one/two:.2f} times)')

if __name__=='__main__': main(*sys.argv[1:2])
