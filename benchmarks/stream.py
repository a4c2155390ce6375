"""Signs found in streams made by joining clips of unseen signers: recall, false alarms per minute, delay.

    python benchmarks/stream.py --folds out/folds --data data/raw/mine [--side valid]
"""
import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from asl_nb.data.raw import read_clip
from asl_nb.data.store import open_store
from asl_nb.landmarks import LEFT_HAND, LEFT_SHOULDER, RIGHT_HAND, RIGHT_SHOULDER
from asl_nb.predict import Recognizer
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
    for hand in HANDS: body[hand,1] = body[hand,1]-body[hand,1].mean()+low if lap else np.nan
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

def fold_streams(run, data, side, per_signer, seed):
    "For each signer of a fold: its recognizer, the signer, and some clips"
    recognizer = Recognizer.from_pretrained(run)
    table = open_store(data, recognizer.cfg, progress=False).table
    table = table[table.participant_id.isin(recognizer.model.sidecar['split'][side])]
    for signer,rows in table.groupby('participant_id'):
        rows = rows.sample(min(per_signer, len(rows)), random_state=seed)
        yield recognizer,signer,[(r.sign, read_clip(Path(data)/r.path).astype(np.float32)) for r in rows.itertuples()]

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

def evaluate(folds, data, side='test', per_signer=8, threshold=None, live=False):
    "Recall, false alarms per minute and delay by kind of pause, over the signers on one side of every fold's split"
    rows = []
    for run in tqdm(sorted(p.parent for p in folds.glob('fold*/best.safetensors')), unit='fold'):
        for recognizer,signer,clips in fold_streams(run, data, side, per_signer, 0):
            if threshold is not None: recognizer.threshold = threshold
            rows += hear(recognizer, signer, clips, live)
    by = pd.DataFrame(rows).groupby('pauses', sort=False)
    total = by[['signs','found','false','seconds','alone']].sum()
    return pd.DataFrame(dict(signers=by.signer.nunique(), signs=total.signs, recall=total.found/total.signs,
        alone=total.alone/total.signs, false_alarms_a_minute=total.false/total.seconds*60, delay=by.delay.median()))

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--folds', type=Path, required=True, help='folder of `asl train --folds`')
    parser.add_argument('--data', type=Path, required=True, help='its data folder')
    parser.add_argument('--side', default='test', choices=('test','valid'), help='whose signers the streams are made of')
    parser.add_argument('--per-signer', type=int, default=8, help='clips in a stream')
    parser.add_argument('--threshold', type=float, help="below it no event; the recognizer's own if left out")
    parser.add_argument('--live', action='store_true', help='events while a sign lasts')
    args = parser.parse_args()
    result = evaluate(args.folds, args.data, args.side, args.per_signer, args.threshold, args.live)
    print(f'{args.data.name}, {args.side} signers of each fold; alone: top-1 of the clips one by one; delay in seconds')
    print(result.round(3).to_string())

if __name__=='__main__': main()
