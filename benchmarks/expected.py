"""How long training on all of GISLR takes, from clips per second.

    python benchmarks/expected.py [--cores 2] [--device cpu] [KEY=VALUE ...]

Trains each of configs/ for a moment on this machine on synthetic clips, on one core or on a GPU (DEVICE cuda), with features, augmentation and
everything else in it, and counts the clips per second of processor time (of wall clock on a GPU). For CORES cores that is multiplied, as
`--devices CORES DEVICE=cpu` shares each batch: an upper limit. Other machines' speeds are not measured here:

* H100: this script with `--device cuda`, 2026-11-27, in float32 as it is. Starting kernels takes most of a step, so a faster host is
  faster, too. With MIXED_PRECISION and COMPILE: `benchmarks/fullsize.py` on the same machine, at batch 512 and the shipped
  augmentations (20,132 clips/s; 38,060 on another host).
* T4 (Kaggle): an estimate, by the ratio of the memory's published speeds, 320 and 3,350 GB/s, from the H100's speed in float32
  at batch 2048, where it waits for memory (23,550 as it is, 63,747 with COMPILE). A T4 computes no bfloat16.
"""
import argparse
import tempfile
import time
from pathlib import Path

import torch

from asl_nb.data.synth import make_dataset
from asl_nb.trainer import Trainer, load_run_config

CLIPS,TRAINED = 94_477,.8*.85 # all, and the share that is trained on: four of five folds, without the validation signers
T4 = 320/3350                 # of an H100's memory
ELSEWHERE = { # config -> (machine, clips per second)
    'gislr':[('H100', 5_034), ('H100, MIXED_PRECISION COMPILE', 20_132), ('T4, an estimate', 23_550*T4), ('T4, COMPILE, an estimate', 63_747*T4)],
    'gislr-fast':[('H100', 5_470)]}

def measured(name, device, settings, data, root, seconds=5):
    "Clips per second of training on this machine"
    cfg,overrides = load_run_config(f'configs/{name}.yaml', [f'DEVICE={device}', f'ROOT_PATH={root}', *settings])
    trainer = Trainer(cfg, data, run_dir=Path(root)/name, progress=False, overrides=overrides)
    trainer._begin(10_000) # a cycle that does not end here
    clock = time.process_time if device=='cpu' else time.perf_counter
    epoch = lambda: trainer._run(trainer.train_loader, trainer.model.training_step, train=True)
    epoch() # makes the features
    start,n = clock(),0
    while clock()-start<seconds:
        epoch()
        n += trainer.train_loader.sampler.n
    return n/(clock()-start),cfg.EPOCHS

def main():
    "Measure, and print how long each training takes"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cores', type=int, default=2)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('settings', nargs='*', metavar='KEY=VALUE', help='change both configurations')
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f'{"":12}{"machine":44}{"clips/s":>10}{"an epoch":>12}{"a training":>14}')
    with tempfile.TemporaryDirectory() as root:
        data = Path(root)/'data'
        make_dataset(data, 5, 20, 6 if args.device=='cpu' else 40, progress=False) # several batches of a GPU
        for name,others in ELSEWHERE.items():
            here,epochs = measured(name, args.device, args.settings, data, root)
            rows = [(f'{args.device} here, one core or GPU', here), *others]
            if args.device=='cpu': rows.insert(1, (f'{args.cores} cores like it, at most', here*args.cores))
            for machine,speed in rows:
                epoch = CLIPS*TRAINED/speed
                print(f'{name:12}{machine:44}{speed:10,.0f}{epoch:10.1f} s{epochs*epoch/60:10,.0f} min')

if __name__=='__main__': main()
