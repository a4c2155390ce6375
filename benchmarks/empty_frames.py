"""Whether frames without hands should stay: as recorded, cut off at both ends (TRIM), or all removed.

    python benchmarks/empty_frames.py --data data/raw/mine [--seeds 3] [--workers 2] [SOURCE=webcam DEVICE=cuda ...]

Each variant trains the default model on every fold, with the same seeds and settings, so each signer is tested once per
seed by a model that never saw them. Printed are top-1 and the mean over signs, and the difference of each variant to the
first in top-1, with a 95 % interval over signers. `--check` runs everything small, on synthetic signers.
"""
import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from asl_nb.config import load_config
from asl_nb.data.preprocess import interpolate_missing_values, kept_rows, make_features
from asl_nb.data.raw import clip_setting
from asl_nb.data.store import Store, open_store
from asl_nb.data.synth import make_dataset
from asl_nb.landmarks import LEFT_HAND, RIGHT_HAND, WRIST
from asl_nb.metrics import bootstrap_interval
from asl_nb.trainer import train_fold

class WithoutEmptyFrames(Store):
    "A store that leaves out every frame in which no hand is seen, once short gaps are filled"
    def gather(self, idxs, cfg):
        rows = kept_rows(cfg).tolist()
        wrists = [rows.index(hand.start+WRIST) for hand in (LEFT_HAND, RIGHT_HAND)]
        clips = [self.shorter(i, wrists, cfg.INTERPOLATE_MISSING) for i in idxs]
        offsets,table = np.cumsum([0, *map(len, clips)]),self.table.iloc[idxs]
        return make_features(np.concatenate(clips), offsets, *(clip_setting(table, k, cfg) for k in ('aspect','fps')), cfg)

    def shorter(self, i, wrists, max_gap):
        "A clip's frames with a hand; all of them where no frame has one"
        clip = interpolate_missing_values(np.array(self.clip(i)), max_gap)
        hand = ~np.isnan(clip[:,wrists,0]).all(1)
        return clip[hand] if hand.any() else clip

VARIANTS = {'as recorded':(Store, False), 'TRIM':(Store, True), 'removed':(WithoutEmptyFrames, False)}

def run_fold(job, cfg, folder, out):
    "What one model predicts for its test signers"
    import torch
    torch.set_num_threads(1)
    variant,seed,fold = job
    store,trim = VARIANTS[variant]
    report = train_fold(cfg.replace(TRIM=trim, SEED=seed), store(folder), out/f'{variant}-{seed}', fold, progress=False)
    print(f'{variant}, seed {seed}, fold {fold}: top-1 {report.top1:.3f}', flush=True)
    return report.predictions.assign(variant=variant)

def compare(predictions):
    "Print each variant's accuracy, and its gain over the first"
    right = predictions.assign(right=predictions['rank'].eq(1).astype(float))
    clips = right.groupby(['path','sign','participant_id','variant']).right.mean().unstack().reset_index()
    first = next(iter(VARIANTS))
    print(f'{len(clips)} clips of {clips.participant_id.nunique()} signers, {clips.sign.nunique()} signs')
    for name in VARIANTS:
        gain = clips[name]-clips[first]
        low,high = bootstrap_interval(gain, clips.participant_id, np.random.default_rng(0))
        print(f'{name:12} top-1 {clips[name].mean():.3f}, mean over signs {clips.groupby("sign")[name].mean().mean():.3f}; '
              f'gain {gain.mean():+.3f} ({low:+.3f} to {high:+.3f})')

def measure(cfg, data, out, seeds, workers):
    "Train every variant on every fold with every seed, and compare"
    folder = open_store(data, cfg).folder
    jobs = [(v, s, f) for s in range(seeds) for f in range(cfg.N_FOLDS) for v in VARIANTS]
    with ProcessPoolExecutor(workers, mp_context=get_context('spawn')) as pool:
        parts = list(pool.map(run_fold, jobs, *([o]*len(jobs) for o in (cfg, folder, out))))
    compare(pd.concat(parts, ignore_index=True))

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('settings', nargs='*', help='KEY=value')
    parser.add_argument('--data', type=Path, help='data folder or store')
    parser.add_argument('--seeds', type=int, default=3, help='trainings of each fold')
    parser.add_argument('--workers', type=int, default=2, help='trainings at a time')
    parser.add_argument('--check', action='store_true', help='small, on synthetic signers')
    args = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        small = ['EPOCHS=1','N_FOLDS=2'] if args.check else []
        cfg = load_config(overrides=[f'ROOT_PATH={folder}', 'LOG_METRICS=[Loss]', *small, *args.settings])
        if args.check:
            args.data,args.seeds = Path(folder)/'data',1
            make_dataset(args.data, n_signs=3, n_signers=6, n_clips=2, progress=False)
        if args.data is None: parser.error('expected --data')
        measure(cfg, args.data, Path(folder)/'runs', args.seeds, args.workers)

if __name__=='__main__': main()
