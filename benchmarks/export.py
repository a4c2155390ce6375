"""How fast, how small and how exact exported files are, beside the checkpoints that they were made from.

    python benchmarks/export.py [--parts forms settings models] [--checkpoint everyday-11] [--data FOLDER] [--limit N]
                                [--clips N] [--models PATTERN ...] [--check]

* forms: a checkpoint as ONNX and TensorFlow Lite file of each precision, and as a submission to the competition: megabytes, the
  time of a clip of 1, 22, 135 and 1000 frames on one core, beside the checkpoint in PyTorch, in turns, and how far the answers
  agree on the clips of a data folder, else on synthetic ones. A submission takes all clips as recorded like the competition's.
* settings: a small model in each of several feature settings, which together take every branch, on N random clips.
* models: every registered model in full size and in the features that it is recommended with, on N random clips. Random weights,
  with a temperature so low that the answers differ from clip to clip. One that cannot be exported is listed with the reason.

Random clips have 1 to 300 frames; points, hands, faces and whole frames are missing, at 15 to 300 frames per second.
`--check` runs a little of each part, and exits with 1 if a file of 32 bits does not give its checkpoint's answers.
"""
import argparse
import os
import sys
import tempfile
import time
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from asl_nb.clip import Clip
from asl_nb.config import SOURCES, Config
from asl_nb.data.raw import read_table
from asl_nb.data.synth import synth_clip, synth_signer, synth_signs
from asl_nb.export.graph import agreement, random_clips
from asl_nb.export.onnx_file import export_onnx
from asl_nb.export.submission import export_submission
from asl_nb.export.tflite_file import export_tflite
from asl_nb.exported import SubmissionFile
from asl_nb.models.core import create_model
from asl_nb.models.registry import list_models, recipe_config
from asl_nb.predict import Recognizer
from asl_nb.utils import DEFAULT_WEIGHTS

PARTS = 'forms', 'settings', 'models'
FRAMES = 1, 22, 135, 1000
PRECISIONS = 'float32', 'float16', 'int8'
WRITERS = dict(onnx=export_onnx, tflite=export_tflite)

# clips

def synthetic_clips(n, seed=0):
    "n clips of synthetic signers, with z"
    signs,rng = synth_signs(8, seed),np.random.default_rng(seed)
    lm = (synth_clip(signs[i%8], synth_signer(i%20, seed), rng) for i in range(n))
    return [Clip(o, 4/3, 30.) for o in lm]

def real_clips(folder, limit):
    "The clips of a data folder, without those that cannot be read"
    table,problems,_ = read_table(folder)
    clips = []
    for file in table.file[:limit]:
        try: clips.append(Clip.read(file).resolved(Config()))
        except (ValueError, OSError) as e: print(e)
    print(f'{len(clips)} clips of {folder}')
    return clips

def varied_clips(n, seed=0):
    "n random clips of 1 to 300 frames"
    rng,clips = np.random.default_rng(seed),random_clips(n, seed)
    def varied(c):
        if len(c)<3: return c
        most = np.resize(c.lm, (300, *c.lm.shape[1:])) if rng.random()<.3 else c.lm
        start = rng.integers(0, 5)
        return Clip(most[start:start+rng.integers(1, len(most)+1)], c.aspect, c.fps) if len(most)>5 else c
    return [varied(c) for c in clips]

def of_competition(clips): return [Clip(with_z(c.lm), **SOURCES['gislr']) for c in clips]
def with_z(lm): return lm if lm.shape[2]==3 else np.concatenate([lm, np.zeros_like(lm[...,:1])], -1)

# forms

def write_forms(checkpoint, folder, precisions):
    "The files of a checkpoint by name"
    forms = {}
    for p in precisions:
        for kind,write in (*WRITERS.items(), ('submission', export_submission)):
            if kind=='submission' and p!='float32': continue
            forms[f'{kind} {p}'] = file = folder/f'{kind}-{p}.{"zip" if kind=="submission" else kind}'
            write(checkpoint, file, p)
    return forms

def probabilities_of(file):
    "A function from clips to the probabilities of a file"
    if file.suffix!='.zip': return Recognizer.from_pretrained(file).probabilities
    submission = SubmissionFile(file)
    return lambda clips: np.stack([submission.scores(np.ascontiguousarray(with_z(c.lm), np.float32)) for c in clips])

def median_times(forms, clip, rounds):
    "Milliseconds that each form takes for a clip, the median; the forms take turns"
    times = {name:[] for name in forms}
    for _ in range(rounds+1):
        for name,fn in forms.items():
            start = time.perf_counter()
            fn([clip])
            times[name].append(1e3*(time.perf_counter()-start))
    return {name:np.median(t[1:]) for name,t in times.items()} # the first is not counted: memory is laid out

def measure_forms(checkpoint, clips, precisions, rounds, folder):
    "Print size, times and agreement of each form; whether those of 32 bits are exact"
    source,files = Recognizer.from_pretrained(checkpoint, framework='pytorch'),write_forms(checkpoint, folder, precisions)
    n = len(source.signs)
    forms = {'PyTorch':source.probabilities, **{name:probabilities_of(f) for name,f in files.items()}}
    rows = {name:dict(MB=f.stat().st_size/1e6) for name,f in files.items()}
    for name,file in files.items():
        taken = of_competition(clips) if file.suffix=='.zip' else clips
        want,found = source.probabilities(taken),forms[name](taken)
        rows[name] |= agreement(want[:,:n] if file.suffix=='.zip' else want, found)._asdict()
    print(f'\n{source}: agreement with PyTorch on {len(clips)} clips')
    table = pd.DataFrame(rows).T
    print(table.to_string(float_format='{:.3g}'.format), flush=True)
    long = of_competition(synthetic_clips(1))[0]
    resized = {n:Clip(np.resize(long.lm, (n, *long.lm.shape[1:])), long.aspect, long.fps) for n in FRAMES}
    times = pd.DataFrame({n:median_times(forms, c, rounds) for n,c in resized.items()})
    print('\nmilliseconds of a clip by its frames, one core')
    print(times.round(2).to_string())
    print("\nPyTorch's time divided by that of the file")
    print((times.loc['PyTorch']/times).iloc[1:].round(1).to_string(), flush=True)
    exact = table[table.index.str.endswith('float32')]
    return bool((exact.largest<=1e-4).all() and (exact.top5==1).all())

# models and settings

EVERYTHING = dict(CANONICAL_HAND=True, TRIM=True, HIDE_RESTING=True)
SETTINGS = {
    'defaults':{},
    'pad':dict(RESIZE='pad', TRIM=True),
    'pad, everything':dict(RESIZE='pad', INPUT_SIZE=64, VIEWS=(0.,.1,.2), **EVERYTHING),
    'everything':dict(VIEWS=(0.,.07,.2), **EVERYTHING),
    'x, y, z':dict(COLUMNS_TO_USE=('x','y','z'), CANONICAL_HAND=True),
    'x, y, z, everything':dict(COLUMNS_TO_USE=('x','y','z'), RESIZE='pad', **EVERYTHING),
    'picture':dict(STANDARDIZE=False, CANONICAL_HAND=True),
    'picture, pad':dict(STANDARDIZE=False, RESIZE='pad', TRIM=True, CANONICAL_HAND=True, VIEWS=(.1,)),
    'no gaps':dict(INTERPOLATE_MISSING=0, TRIM=True),
    'long gaps':dict(INTERPOLATE_MISSING=10, INPUT_SIZE=13),
    'one frame':dict(INPUT_SIZE=1, CANONICAL_HAND=True)}
SMALL = dict(hidden_dim=32, layer_dim=1)

def random_checkpoint(folder, name, cfg, **overrides):
    "A checkpoint with random weights and sharp answers"
    model = create_model(name, 25, cfg, **overrides)
    model.sidecar['calibration'] = dict(temperature=.02, threshold=0.)
    model.save_checkpoint(path := folder/'random.safetensors')
    return path

def measure(path, clips, folder):
    "How far each form of a checkpoint agrees with it; a row for each"
    want = Recognizer.from_pretrained(path).probabilities(clips)
    for kind,write in WRITERS.items():
        file = folder/f'random.{kind}'
        start = time.perf_counter()
        try: write(path, file)
        except Exception as e: # listed, whatever it is
            yield dict(form=kind, result=f'{type(e).__name__}: {str(e)[:200]}')
            continue
        row = dict(form=kind, seconds=time.perf_counter()-start, MB=file.stat().st_size/1e6)
        found = agreement(want, Recognizer.from_pretrained(file).probabilities(clips))
        same = found.largest<=1e-4 and found.top5==1
        yield row | found._asdict() | dict(result='equal' if same else 'differs')
        file.unlink()

def print_rows(title, cases, clips, folder):
    "Print how far the forms of some checkpoints agree with them; whether all are equal"
    print(f'\n{title}, {len(clips)} random clips', flush=True)
    rows = []
    for name,write in cases:
        for row in measure(write(), clips, folder):
            rows.append(row)
            print(f'{name:22}', ', '.join(f'{k} {v:.3g}' if isinstance(v, float) else str(v) for k,v in row.items()), flush=True)
    return all(row['result']=='equal' for row in rows)

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=PARTS)
    parser.add_argument('--checkpoint', default=DEFAULT_WEIGHTS)
    parser.add_argument('--data', help='a data folder whose clips are compared')
    parser.add_argument('--limit', type=int, help='its first N clips')
    parser.add_argument('--clips', type=int, default=2000, help='random clips for each model and setting')
    parser.add_argument('--models', nargs='+', default=['*'], help='patterns of names')
    parser.add_argument('--check', action='store_true', help='small, and fail if a file of 32 bits is not exact')
    args = parser.parse_args()
    if hasattr(os, 'sched_setaffinity'): os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:]) # one core
    torch.set_num_threads(1)
    names = [n for n in list_models() if any(fnmatch(n, p) for p in args.models)]
    settings,precisions,rounds,n_clips = SETTINGS,PRECISIONS,31,args.clips
    if args.check:
        names,settings = ['LSTMPredictor'],{'pad, everything':SETTINGS['pad, everything']}
        precisions,rounds,n_clips = PRECISIONS[:1],1,30
    print(f"{time.strftime('%Y-%m-%d')}, PyTorch {torch.__version__}")
    fine = True
    with tempfile.TemporaryDirectory() as d:
        folder = Path(d)
        if 'forms' in args.parts:
            clips = real_clips(args.data, args.limit) if args.data else synthetic_clips(10 if args.check else 200)
            fine &= measure_forms(args.checkpoint, clips, precisions, rounds, folder)
        clips = varied_clips(n_clips)
        if 'settings' in args.parts:
            cases = [(k, lambda v=v: random_checkpoint(folder, 'LSTMPredictor', Config(**v), **SMALL)) for k,v in settings.items()]
            fine &= print_rows('Feature settings', cases, clips, folder)
        if 'models' in args.parts:
            cases = [(n, lambda n=n: random_checkpoint(folder, n, recipe_config(n))) for n in names]
            fine &= print_rows('Models', cases, clips, folder)
    return int(not fine)

if __name__=='__main__': sys.exit(main())
