"""Size and speed of all models, relative to TransformerPredictor in the same run.

    python benchmarks/models.py [--models '*'] [--frameworks pytorch tensorflow] [--batch 32] [--rounds 5] [--threads 1]
                                [--device cpu] [--compile] [--check]

Each model has its shipped configuration and its recipe, with 250 signs. Clips have 32 frames, those of HandModel 16.

* Clip: recognizing one clip (batch of one), in milliseconds, and as a ratio. Input and output are NumPy arrays.
* Forward and training: clips per second in batches, without the loader, as ratios. Training is forward, backward and the
  optimizer's step.
* `--compile` adds the forward pass after `torch.compile` (inductor, needs a C++ compiler), relative to the same model
  without it. The time to compile is not counted.
* `--frameworks pytorch tensorflow` adds the same models in Keras (extra `tf`). The baseline is in PyTorch.

The models take turns in each round, so a slow moment of the machine affects all. A timing is the best of its rounds.
`--check` runs everything once, small.
"""
import argparse
import time

import numpy as np
import pandas as pd
import torch

from asl_nb.models.core import create_model, pick_device
from asl_nb.models.registry import list_models, recipe_config
from asl_nb.utils import require_tensorflow

BASELINE = 'TransformerPredictor', 'pytorch'

def example(n, cfg):
    "A batch of random clips"
    x = np.random.default_rng(0).normal(size=(n, cfg.INPUT_SIZE, cfg.N_LANDMARKS, cfg.N_DIMS)).astype(np.float32)
    return x, np.ones(x.shape[:2], bool), np.arange(n)%250

def tensors(framework):
    "What makes a framework's tensor from an array"
    if framework=='pytorch': return torch.from_numpy
    return require_tensorflow().constant

def train(model, batch):
    "One training step"
    model.train_mode()
    model.training_step([tensors(model.cfg.DL_FRAMEWORK)(o) for o in batch])
    model.optimize()

def limit_threads(n, frameworks):
    "Threads of one operation; must come before the first one"
    torch.set_num_threads(n)
    if 'tensorflow' in frameworks:
        tf = require_tensorflow()
        tf.config.threading.set_intra_op_parallelism_threads(n)
        tf.config.threading.set_inter_op_parallelism_threads(1)

def timed(fn, device):
    "Seconds of a call"
    start = time.perf_counter()
    fn()
    if device.type=='cuda': torch.cuda.synchronize()
    return time.perf_counter()-start

def measure(models, fn, rounds, device):
    "The shortest time of a function for each model, in seconds; the models take turns"
    for m in models.values(): fn(m)
    times = [{n:timed(lambda: fn(m), device) for n,m in models.items()} for _ in range(rounds)]
    return pd.DataFrame(times).min()

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--models', default='*', help='names, with * and ?')
    parser.add_argument('--frameworks', nargs='+', default=['pytorch'], choices=('pytorch','tensorflow'))
    parser.add_argument('--batch', type=int, default=32)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--compile', action='store_true')
    parser.add_argument('--check', action='store_true')
    args = parser.parse_args()
    if args.check: args.batch,args.rounds = 2,1
    limit_threads(args.threads, args.frameworks)
    device = pick_device(args.device)
    wanted = dict.fromkeys([BASELINE, *((n,f) for n in list_models(args.models) for f in args.frameworks)])
    models = {(n,f):create_model(n, cfg=recipe_config(n, DL_FRAMEWORK=f)).to_device(args.device) for n,f in wanted}
    one,many = ({id(m):example(n, m.cfg) for m in models.values()} for n in (1, args.batch))
    clip = measure(models, lambda m: m.logits(*one[id(m)][:2]), 4*args.rounds, device)
    ahead = measure(models, lambda m: m.logits(*many[id(m)][:2]), args.rounds, device)
    fit = measure(models, lambda m: train(m, many[id(m)]), args.rounds, device)
    table = pd.DataFrame({
        'weights':{n:f'{sum(v.numel() for v in m.state_dict().values()):,}' for n,m in models.items()},
        'clip, ms':(1e3*clip).round(2), 'clip, times the baseline':(clip/clip[BASELINE]).round(2),
        'forward, speed':(ahead[BASELINE]/ahead).round(3), 'training, speed':(fit[BASELINE]/fit).round(3)})
    if args.compile:
        compiled = {n:m for n,m in models.items() if n[1]=='pytorch'}
        for m in compiled.values(): m.forward = torch.compile(m.forward)
        faster = measure(compiled, lambda m: m.logits(*many[id(m)][:2]), args.rounds, device)
        table['compiled forward, speed'] = (ahead/faster).round(2)
    print(f'{device}, {args.threads} threads, batches of {args.batch}; {BASELINE[0]} in PyTorch: '
          f'{args.batch/ahead[BASELINE]:.0f} clips/s forward, {args.batch/fit[BASELINE]:.0f} clips/s in training')
    print(table.sort_values('clip, ms').to_string())

if __name__=='__main__': main()
