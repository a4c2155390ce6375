"""Signs found in streams made by joining clips of unseen signers: recall, false alarms per minute, delay.

    python benchmarks/stream.py --folds out/folds --data data/raw/mine [--side valid]
    python benchmarks/stream.py --checkpoint everyday-11 --data data/raw/others [--signers 60]
    python benchmarks/stream.py --check

The signers on one side of every fold's split, or those of a data folder that a checkpoint has not seen.
"""
import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from asl_nb.data.raw import read_clip, read_table
from asl_nb.data.store import open_store
from asl_nb.landmarks import LEFT_HAND, LEFT_SHOULDER, N_ROWS, RIGHT_HAND, RIGHT_SHOULDER
from asl_nb.predict import Prediction, Recognizer, load_recognizer
from asl_nb.stream import SignRecognized, StreamRecognizer

OVERLAP = .2 # seconds that an event and a sign must share
HANDS = (LEFT_HAND, RIGHT_HAND)
LOW = 1.4 # shoulder widths from the shoulders to hands in the lap
KINDS = {'hands out of sight':False, 'hands in the lap':True, 'no pause':None}

def pause(lm, n, lap, aspect, rng):
    "n frames of a person at rest, hands out of sight or in the lap"
    body = lm[-1].copy()
    shoulders = body[[LEFT_SHOULDER,RIGHT_SHOULDER]]
    low = shoulders[:,1].mean()+LOW*abs(shoulders[0,0]-shoulders[1,0])*aspect
    for hand in HANDS:
        if lap: body[hand,1] += low-body[hand,1].mean()
        else: body[hand] = np.nan
    return body+rng.normal(0, .001, (n,*body.shape)).astype(np.float32)

def join(clips, lap, aspect, fps, rng):
    "A stream of clips, and (sign, start, end) of each in seconds"
    parts,truth,n = [],[],0
    for i,(sign,lm) in enumerate(clips):
        if lap is None and i and clips[i-1][0]==sign: continue # without a pause, the same sign twice is one sign
        rest = [] if lap is None else [pause(lm, int(rng.integers(20, 45)), lap, aspect, rng)]
        parts += [*rest, lm]
        n += sum(map(len, rest))
        truth.append((sign, n/fps, (n+len(lm))/fps))
        n += len(lm)
    return np.concatenate([*parts, *([] if lap is None else [pause(lm, 40, lap, aspect, rng)])]),truth

def listen(stream, lm, fps):
    "The signs that a stream's recognizer reports, each with the time of the report"
    found = [(e,i/fps) for i,frame in enumerate(lm) for e in stream.push(frame)]
    return [(e,t) for e,t in found+[(e,len(lm)/fps) for e in stream.flush()] if isinstance(e, SignRecognized)]

def compare(found, truth):
    "Delay of each sign that was found (None where it was not), and the number of false alarms"
    used,delays = set(),[]
    for sign,start,end in truth:
        hits = [k for k,(e,_) in enumerate(found) if k not in used and e.sign==sign
                and min(end, e.end)-max(start, e.start)>OVERLAP]
        used |= set(hits[:1])
        delays.append(found[hits[0]][1]-end if hits else None)
    return delays,len(found)-len(used)

def signer_clips(table, data, per_signer, seed=0):
    "For each signer of a table: the signer, and some clips as (sign, landmarks)"
    for signer,rows in table.groupby('participant_id'):
        rows = rows.sample(min(per_signer, len(rows)), random_state=seed)
        yield signer,[(r.sign, read_clip(Path(data)/r.path).astype(np.float32)) for r in rows.itertuples()]

def fold_tables(folds, data, side):
    "For each fold: its recognizer, and the table of the signers on that side of its split"
    for run in tqdm(sorted(p.parent for p in folds.glob('fold*/best.safetensors')), unit='fold'):
        recognizer = Recognizer.from_pretrained(run)
        table = open_store(data, recognizer.cfg, progress=False).table
        yield recognizer,table[table.participant_id.isin(recognizer.model.sidecar['split'][side])]

def unseen_table(checkpoint, data, n_signers, seed=0):
    "A recognizer, and the table of its signs in a data folder of signers that it has not seen"
    recognizer = load_recognizer(checkpoint)
    table = read_table(data)[0]
    table = table[table.sign.isin(recognizer.signs)]
    signers = np.random.default_rng(seed).permutation(table.participant_id.unique())[:n_signers]
    return recognizer,table[table.participant_id.isin(signers)]

def hear(recognizer, signer, clips, live):
    "A signer's clips in streams with each kind of pause: what was signed, what was found, false alarms"
    source = recognizer.cfg.source_defaults
    alone = sum(recognizer.predict(lm).top[0].sign==sign for sign,lm in clips)/len(clips)
    for kind,lap in KINDS.items():
        lm,truth = join(clips, lap, source['aspect'], source['fps'], np.random.default_rng(signer))
        delays,false = compare(listen(StreamRecognizer(recognizer, live=live), lm, source['fps']), truth)
        found = [d for d in delays if d is not None]
        yield dict(pauses=kind, signer=signer, signs=len(truth), found=len(found), false=false, alone=alone*len(truth),
                   seconds=len(lm)/source['fps'], delay=np.median(found) if found else np.nan)

def measure(tables, data, per_signer=8, threshold=None, live=False):
    "One row per signer and kind of pause; tables: (recognizer, table of clips of signers it has not seen)"
    rows = []
    for recognizer,table in tables:
        if threshold is not None: recognizer.threshold = threshold
        for signer,clips in signer_clips(table, data, per_signer): rows += hear(recognizer, signer, clips, live)
    return pd.DataFrame(rows)

def summary(rows):
    "Recall, false alarms per minute and delay by kind of pause, over signers"
    by = rows.groupby('pauses', sort=False)
    total = by[['signs','found','false','seconds','alone']].sum()
    return pd.DataFrame(dict(signers=by.signer.nunique(), signs=total.signs, recall=total.found/total.signs,
        alone=total.alone/total.signs, false_alarms_a_minute=total.false/total.seconds*60, delay=by.delay.median()))

def evaluate(folds, data, side='test', per_signer=8, threshold=None, live=False):
    "The summary over the signers on one side of every fold's split"
    return summary(measure(fold_tables(folds, data, side), data, per_signer, threshold, live))

def check():
    "What the functions promise, on a clip that is known"
    rng = np.random.default_rng(0)
    clip = rng.uniform(.4, .6, (10,N_ROWS,3)).astype(np.float32)
    clip[:,LEFT_SHOULDER,:2],clip[:,RIGHT_SHOULDER,:2] = (.7,.5),(.3,.5)
    gone,lap = (pause(clip, 5, low, 1., rng) for low in (False, True))
    seen,hands = ~np.isnan(gone),np.zeros(N_ROWS, bool)
    for hand in HANDS: hands[hand] = True
    assert not seen[:,hands].any(), 'a hand out of sight has no coordinate'
    assert seen[:,~hands].all(), 'the rest of the body is seen'
    assert np.allclose(lap[:,HANDS[0],1].mean(), .5+LOW*.4, atol=.01), 'a hand in the lap is below the shoulders'
    stream,truth = join([('yes', clip), ('no', clip)], False, 1., 10, rng)
    assert all(np.isfinite(stream[round(a*10):round(b*10)]).all() for _,a,b in truth), 'the truth is where the clips are'
    event = lambda sign, start, end: (SignRecognized(sign, 1., start, end, [Prediction(sign, 1.)]), end)
    found = [event('yes', 3, 4), event('yes', 3, 4), event('no', 7, 8)]
    assert compare(found, [('yes', 3, 4), ('no', 9, 10)])==([0, None], 2)
    print('streams: joined, hands out of sight and in the lap, events compared')

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--folds', type=Path, help='folder of `asl train --folds`')
    parser.add_argument('--checkpoint', help='instead of folds: a bundled name or a checkpoint, with --data of signers it has not seen')
    parser.add_argument('--data', type=Path, help='data folder')
    parser.add_argument('--side', default='test', choices=('test','valid'), help='with --folds: whose signers the streams are made of')
    parser.add_argument('--signers', type=int, help='with --checkpoint: at most so many; all if left out')
    parser.add_argument('--per-signer', type=int, default=8, help='clips in a stream')
    parser.add_argument('--threshold', type=float, help="below it no event; the recognizer's own if left out")
    parser.add_argument('--live', action='store_true', help='events while a sign lasts')
    parser.add_argument('--check', action='store_true', help='check the functions on a clip that is known')
    args = parser.parse_args()
    if args.check: return check()
    if not args.data or bool(args.folds)==bool(args.checkpoint): parser.error('expected --data, and either --folds or --checkpoint')
    tables = (fold_tables(args.folds, args.data, args.side) if args.folds else
              [unseen_table(args.checkpoint, args.data, args.signers)])
    who = f'{args.side} signers of each fold' if args.folds else f'signers that {args.checkpoint} has not seen'
    result = summary(measure(tables, args.data, args.per_signer, args.threshold, args.live))
    print(f'{args.data.name}, {who}; alone: top-1 of the clips one by one; delay in seconds')
    print(result.round(3).to_string())

if __name__=='__main__': main()
