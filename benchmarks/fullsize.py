"""Clips per second of training with everything in it, against the usual loop over one file for each clip.

    python benchmarks/fullsize.py [--device auto] [--clips 94477] [--ways 2048:bf16:compiled ...] [--seconds 2] [--workers 0]
                                  [--out results.json] [--profile] [--check]

The model is a ConvTransformer of 2.0 M weights: the shipped one, which has the winner's width, with a fourth convolution in each stage.
Clips are random features of the size of GISLR's, 32 frames of 96 points. They live on the device, as in training, and each step gathers
and augments a batch there, with the shipped augmentations and probability, then takes the model's training step. A way to do it is
named by batch size, precision (fp32, or bf16 for MIXED_PRECISION) and how the model runs: eager, or compiled for COMPILE. The
first step of a compiled way takes a minute ("ready s"). On a CPU one core is used, WORKERS is 0, and timings are processor time.

The parts of a step are timed alone, each waited for; "host" is the time of a whole step in which nothing is waited for. In training the
device works on one part while the host prepares the next, so a step can take less time than its parts.

The usual loop has a DataLoader of WORKERS processes over one .npy file for each clip, which augments each item in Python with the same
probabilities, the same model in float32 in batches of 128, and reads the loss after each step. Ratios are to that loop, and to its
loader alone. `--check` runs everything small, and exits with 1 if tensors do not give the same batches and losses as arrays.
"""
import argparse
import gc
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from array_api_compat import array_namespace

from asl_nb.augmentations import augment_batch, beside
from asl_nb.config import Config
from asl_nb.models.core import create_model, pick_device
from usual import Usual

GISLR_CLIPS = 94_477
USUAL_BATCH = 128
THRESHOLD = .5 # of the shipped ConvTransformer
GPU_WAYS = ['2048:fp32:eager','2048:bf16:eager','128:bf16:compiled','512:bf16:compiled','2048:bf16:compiled','8192:bf16:compiled']
CPU_WAYS = ['128:fp32:eager','128:fp32:compiled','128:bf16:compiled']

class Clips:
    "Random features of many clips, on a device as tensors or in memory as arrays"
    def __init__(self, n, cfg, device=None, seed=0):
        self.cfg,shape = cfg,(n, cfg.INPUT_SIZE, cfg.N_LANDMARKS, cfg.N_DIMS)
        rng = np.random.default_rng(seed)
        self.y,self.mask = rng.integers(0, 250, n),np.ones(shape[:2], bool)
        if device is None: self.x = rng.standard_normal(shape, np.float32)
        else: self.x = torch.randn(shape, generator=torch.Generator(device).manual_seed(seed), device=device)
        for i,hand in enumerate((cfg.LEFT_HAND_INDICES, cfg.RIGHT_HAND_INDICES)): # one hand is seen
            self.x[i::2,:,hand[0]:hand[-1]+1] = np.nan

    def __len__(self): return len(self.y)

    def gather(self, idxs): return array_namespace(self.x).take(self.x, beside(idxs, self.x), axis=0)

    def augment(self, x, idxs, rng): return augment_batch(x, self.mask[idxs], self.cfg, THRESHOLD, rng=rng)

    def batch(self, idxs, rng):
        "Features, mask and targets as tensors"
        return self.with_labels(self.augment(self.gather(idxs), idxs, rng), idxs)

    def with_labels(self, x, idxs):
        found = x,beside(self.mask[idxs], x),beside(self.y[idxs], x)
        return [o if torch.is_tensor(o) else torch.from_numpy(o) for o in found]

def make_model(cfg, device):
    "The ConvTransformer of 2.0 M weights, in training"
    model = create_model('ConvTransformer', 250, cfg, n_convs=4).to_device(device)
    model.train_mode()
    return model

class Training:
    "Training steps of one way, on the clips of `data`"
    def __init__(self, data, batch, precision, how, device):
        self.data,self.size,self.device = data,batch,device
        self.model = make_model(data.cfg.replace(MIXED_PRECISION=precision=='bf16', COMPILE=how=='compiled'), device)
        self.rng,self.order = np.random.default_rng(0),np.zeros(0, int)

    def next(self):
        "The positions of the next batch's clips"
        if len(self.order)<self.size: self.order = self.rng.permutation(len(self.data))
        idxs,self.order = self.order[:self.size],self.order[self.size:]
        return idxs

    def step(self):
        "A whole step; the loss stays on the device"
        loss = self.model.training_step(self.data.batch(self.next(), self.rng))[0]
        self.model.optimize()
        return loss

    def stages(self):
        "The seconds of each part of a step, each waited for"
        model,wait,idxs,times = self.model,lambda: synchronize(self.device),self.next(),{}
        def timed(name, fn):
            wait()
            start = now(self.device)
            out = fn()
            wait()
            times[name] = now(self.device)-start
            return out
        x = timed('gather', lambda: self.data.gather(idxs))
        x = timed('augment', lambda: self.data.augment(x, idxs, self.rng))
        batch = self.data.with_labels(x, idxs)
        timed('forward', lambda: model.training_step(batch))
        timed('backward', model._loss.backward)
        timed('optimizer', lambda: (model.optimizer.step(), model.optimizer.zero_grad()))
        model._loss = None
        start = now(self.device)
        self.step()
        return times | {'host': now(self.device)-start} # of a whole step, if the device never waits for it

def synchronize(device):
    if device.type=='cuda': torch.cuda.synchronize()

def now(device):
    "Seconds on the wall clock; on a CPU those of the processor, which other programs do not change"
    return time.perf_counter() if device.type=='cuda' else time.process_time()

def speed(step, n, device, seconds, warm=3):
    "Clips per second of a step of `n` clips, by the wall clock"
    for _ in range(warm): step()
    synchronize(device)
    start = now(device)
    step()
    synchronize(device)
    steps = max(3, int(seconds/(now(device)-start)))
    start = now(device)
    for _ in range(steps): step()
    synchronize(device)
    return steps*n/(now(device)-start)

def measure(data, way, device, seconds, kernels=False):
    "Clips per second of a way, the parts of its step, the memory it takes"
    batch,precision,how = way.split(':')
    if precision not in ('bf16','fp32') or how not in ('eager','compiled'): raise ValueError(f'expected BATCH:bf16|fp32:eager|compiled, found {way}')
    start = now(device)
    if device.type=='cuda': torch.cuda.reset_peak_memory_stats()
    training = Training(data, int(batch), precision, how, device)
    first = float(training.step())
    ready = now(device)-start
    found = speed(training.step, int(batch), device, seconds)
    parts = [training.stages() for _ in range(4)][1:]
    parts = {k:min(p[k] for p in parts) for k in parts[0]}
    memory = torch.cuda.max_memory_allocated()/2**30 if device.type=='cuda' else 0.
    if kernels: profile(training)
    return dict(way=way, clips_per_second=found, first_step_seconds=ready, first_loss=first,
                milliseconds={k:v*1e3 for k,v in parts.items()}, GiB=memory)

def usual_loop(cfg, device, n, seconds, workers):
    "Clips per second of the usual loop, and of its loader alone"
    with tempfile.TemporaryDirectory() as d:
        data = Clips(n, cfg)
        for i,x in enumerate(data.x): np.save(Path(d)/f'{i}.npy', x)
        files = Usual(Path(d), data.y.tolist(), THRESHOLD)
        loader = torch.utils.data.DataLoader(files, min(USUAL_BATCH, n), shuffle=True, num_workers=workers, drop_last=True)
        model = make_model(cfg, device)
        def train(batch):
            x,mask,y = (o.to(device) for o in batch)
            loss = model.criterion(model(x, mask), y)
            loss.backward()
            model.optimizer.step()
            model.optimizer.zero_grad()
            return loss.item()
        return [rate(loader, use, seconds, device) for use in (train, lambda batch: None)]

def rate(loader, use, seconds, device):
    "Clips per second of passes over a loader, without its first batch"
    seen,start = 0,None
    while True:
        for batch in loader:
            use(batch)
            if start is None: start = now(device)
            else: seen += len(batch[2])
            if (took := now(device)-start) > seconds and seen: return seen/took

def profile(training, steps=3, rows=30):
    "The kernels that take most of the time"
    from torch.profiler import ProfilerActivity
    with torch.profiler.profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as prof:
        for _ in range(steps): training.step()
        torch.cuda.synchronize()
    kernels = [e for e in prof.key_averages() if e.device_type==torch.autograd.DeviceType.CUDA]
    total = sum(e.self_device_time_total for e in kernels)
    print(f'\nKernels of {steps} steps, {total/steps/1e3:.2f} ms a step')
    for e in sorted(kernels, key=lambda e: -e.self_device_time_total)[:rows]:
        print(f'  {e.self_device_time_total/total:5.1%} {e.self_device_time_total/steps/1e3:7.3f} ms {e.count//steps:4d} times  {e.key[:90]}')

def check(cfg):
    "Whether tensors give the same batches and losses as arrays"
    arrays,cpu = Clips(64, cfg),torch.device('cpu')
    tensors = Clips(64, cfg, cpu)
    tensors.x[:] = torch.from_numpy(arrays.x)
    batches = [data.batch(np.arange(48), np.random.default_rng(1)) for data in (arrays, tensors)]
    same = all(torch.allclose(a, b, atol=1e-4, equal_nan=True) for a,b in zip(*batches))
    model = make_model(cfg, cpu)
    model.eval_mode()
    a,b = (float(model.validation_step(batch)[0]) for batch in batches)
    print(f'the same batches: {same}; losses {a:.5f} and {b:.5f}')
    return same and abs(a-b)<1e-3

def show(found, loop, loader):
    parts = ', '.join(f'{k} {v:.2f}' for k,v in found['milliseconds'].items())
    print(f"{found['way']:>22} {found['clips_per_second']:11,.0f} {found['clips_per_second']/loop:7.1f} {found['clips_per_second']/loader:7.1f}"
          f"  {found['GiB']:5.1f} {found['first_step_seconds']:6.1f}  {parts}", flush=True)

def main():
    "Run everything"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--device', default='auto')
    parser.add_argument('--clips', type=int, help=f'{GISLR_CLIPS} on a GPU, 2,048 on a CPU')
    parser.add_argument('--ways', nargs='+', help='BATCH:bf16|fp32:eager|compiled')
    parser.add_argument('--seconds', type=float, default=2., help='for each measurement')
    parser.add_argument('--workers', type=int, default=0, help="of the usual loop's loader")
    parser.add_argument('--out', help='a JSON file for the results')
    parser.add_argument('--profile', action='store_true', help='show the kernels of each way (CUDA)')
    parser.add_argument('--check', action='store_true', help='small, and fail if tensors differ from arrays')
    args = parser.parse_args()
    device,cfg = pick_device('cpu' if args.check else args.device),Config()
    gpu = device.type=='cuda'
    if args.workers and not gpu: parser.error('--workers: expected 0 on a CPU')
    if args.check: args.clips,args.ways,args.seconds = 128,['32:fp32:eager'],.1
    if not gpu: torch.set_num_threads(1)
    n = args.clips or (GISLR_CLIPS if gpu else 2048)
    ways = args.ways or (GPU_WAYS if gpu else CPU_WAYS)
    print(f'{torch.cuda.get_device_name() if gpu else "one core of a CPU"}, torch {torch.__version__}, {n:,} clips, '
          f'{sum(p.numel() for p in make_model(cfg, "cpu").parameters()):,} weights')
    loop,loader = usual_loop(cfg, device, min(n, 4096), args.seconds, args.workers)
    print(f'the usual loop, {args.workers} workers: {loop:,.0f} clips/s; its loader alone {loader:,.0f}\n')
    print(f"{'batch:precision:how':>22} {'clips/s':>11} {'/ loop':>7} {'/loader':>7}  {'GiB':>5} {'ready s':>7}  milliseconds of a step's parts")
    data,results = Clips(n, cfg, device if gpu else None),[]
    for way in ways:
        try: found = measure(data, way, device, args.seconds, args.profile and gpu)
        except Exception as e: found = dict(way=way, error=f'{type(e).__name__}: {str(e)[:500]}')
        results.append(found)
        if 'error' in found: print(f"{way:>22} {found['error']}", flush=True)
        else: show(found, loop, loader)
        if args.out: Path(args.out).write_text(json.dumps(dict(loop=loop, loader=loader, ways=results), indent=1))
        torch.compiler.reset()
        gc.collect() # or the memory of a way is still taken in the next one
    return int(args.check and not check(cfg))

if __name__=='__main__': sys.exit(main())
