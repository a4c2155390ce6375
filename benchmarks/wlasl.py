"""WLASL100 from hands alone, on its official test clips, through the project's own reader and trainer.

    python benchmarks/wlasl.py --hands FOLDER/hands.npz --index FOLDER/index.csv [--seeds 1] [--out out/wlasl]
                               [--with-val] [KEY=value ...]
    python benchmarks/wlasl.py --check

HANDS has `xy` (frames, 2, 21, 2): two hands in no order, in shares of the picture, NaN = not seen. INDEX has one row per
clip: video_id, gloss, signer_id, split (train, val, test), source, x1, y1, x2, y2 (the signer in pixels), offset and frames
in `xy`, in_wlasl100. The clips are written in GISLR's layout, with a left and a right hand and nothing else, so a signer is
measured from the palms. HandModel is trained on the official training clips of all glosses (--with-val: and on the
validation clips), and tested on the official test clips of WLASL100, where only its 100 glosses may be answered. Signers
are on both sides of this split.
"""
import argparse
import json
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from models import limit_threads
from tqdm.auto import tqdm

import asl_nb.trainer
from asl_nb.config import Config, parse_overrides
from asl_nb.data.store import open_store
from asl_nb.landmarks import LEFT_HAND, N_ROWS, RIGHT_HAND, write_clip
from asl_nb.metrics import prediction_table
from asl_nb.models.registry import recipe_config
from asl_nb.trainer import Trainer, predict_clips

SETTINGS = dict(EPOCHS=44, LOG_METRICS=('Loss',)) # 437 glosses of about seven clips take longer to learn
WIDTH = 96 # channels of the model
ASPECTS = np.array([4/3, 3/2, 16/9])

def aspects(index):
    "The aspect of each source's pictures: the signer stands in the middle, and reaches to the lower edge"
    wide = ((index.x1+index.x2)/index.y2).groupby(index.source).transform('median').to_numpy()
    return ASPECTS[np.abs(wide[:,None]-ASPECTS).argmin(1)]

ALONE,SIDE = .15,.1 # costs: of a hand that comes or goes, of a place on the other side

def moves(w):
    "What it costs that hands (T, 2, 2) keep their slots to the next frame, and that they exchange them: (T-1, 2)"
    seen = ~np.isnan(w[...,0])
    before,after = seen[:-1,:,None],seen[1:,None]
    far = np.nan_to_num(np.linalg.norm(w[:-1,:,None]-w[1:,None], axis=-1)) # t slot slot
    cost = np.where(before&after, far, ALONE*(before^after))
    return np.stack([cost[:,0,0]+cost[:,1,1], cost[:,0,1]+cost[:,1,0]], 1)

def right_slots(w):
    "The slot of the right hand in frames with a hand, for wrists (T, 2, 2) around the signer's middle: the cheapest path"
    x = np.nan_to_num(w[...,0])
    side = SIDE*np.stack([x[:,0]-x[:,1], x[:,1]-x[:,0]], 1) # the right hand is on the left of the picture
    total,back = side[0],[]
    for (stay,change),s in zip(moves(w), side[1:]):
        comes = total + np.array([[stay, change], [change, stay]]) # to, from
        back.append(comes.argmin(1))
        total = comes.min(1)+s
    path = [int(total.argmin())]
    for b in reversed(back): path.append(int(b[path[-1]]))
    return np.array(path[::-1])

def as_clip(xy, middle, aspect):
    "Landmarks (T, 543, 3) of two hands in no order (T, 2, 21, 2)"
    lm = np.full((len(xy), N_ROWS, 3), np.nan, np.float32)
    t = np.flatnonzero(~np.isnan(xy[:,:,0,0]).all(1))
    slot = right_slots((xy[t,:,0]-[middle, 0])*[aspect, 1])
    lm[t,RIGHT_HAND,:2],lm[t,LEFT_HAND,:2] = xy[t,slot],xy[t,1-slot]
    return lm

def write_folder(hands, index, out):
    "The clips in GISLR's layout, once"
    if (out/Config.MAP_JSON_FILE).exists(): return
    table = pd.DataFrame(dict(
        path=[f'{Config.LANDMARK_FILES}/{s}/{v}.parquet' for s,v in zip(index.signer_id, index.video_id)],
        participant_id=index.signer_id, sequence_id=index.video_id, sign=index.gloss, aspect=aspects(index).round(4),
        split=index.split, in_wlasl100=index.in_wlasl100))
    middle = (index.x1+index.x2)/2/(index.y2*table.aspect)
    for p,a,m,start,n in zip(tqdm(table.path), table.aspect, middle, index.offset, index.frames):
        (out/p).parent.mkdir(parents=True, exist_ok=True)
        write_clip(out/p, as_clip(hands[start:start+n].astype(np.float32), m, a))
    table.to_csv(out/Config.TRAIN_CSV_FILE, index=False)
    (out/Config.MAP_JSON_FILE).write_text(json.dumps({s:i for i,s in enumerate(sorted({*table.sign}))}))

def official_split(table, with_val):
    "The official sides as lists of paths"
    side = {k:table.path[table.split==k].tolist() for k in ('train','val','test')}
    return dict(kind='official', train=side['train']+side['val']*with_val, valid=side['val'], test=side['test'])

def measure(store, cfg, split, run_dir):
    "Train, and the ranks of the true glosses of WLASL100's test clips among its glosses"
    with patch.object(asl_nb.trainer, 'make_split', return_value=split):
        trainer = Trainer(cfg, store, run_dir=run_dir, overrides=dict(d_model=WIDTH))
    trainer.train()
    table = trainer.dataset.metadata_df
    among = table[table.in_wlasl100=='1']
    rows,signs = among[among.path.isin(split['test'])],sorted({*among.sign})
    probs = predict_clips(trainer.model, trainer.dataset.subset(rows.index, augment=False))
    rows = rows.assign(label=rows.sign.map({s:i for i,s in enumerate(signs)}))
    return prediction_table(rows, probs[:,[trainer.label_map[s] for s in signs]], signs)

def run(hands, index, out, words, seeds, with_val):
    "Convert, train once per seed, and print"
    write_folder(hands, index, out/'clips')
    for seed in range(seeds):
        cfg = recipe_config(**{**SETTINGS, **words, 'SEED':seed, 'ROOT_PATH':str(out)})
        store,start = open_store(out/'clips', cfg),time.process_time()
        split = official_split(store.table, with_val)
        found = measure(store, cfg, split, out/f'seed{seed}')
        top1,top5 = ((found['rank']<=n).mean() for n in (1, 5))
        print(f'seed {seed}: top-1 {top1:.3f}, top-5 {top5:.3f} on {len(found)} test clips; '
              f'{len(split["train"])} training clips of {store.table.sign.nunique()} glosses, '
              f'{time.process_time()-start:.0f} s of processor time', flush=True)

def check_hands():
    "Random hands of three glosses, and their index"
    index = pd.DataFrame(dict(video_id=range(24), gloss=[*'abc']*8, signer_id=[i//3 for i in range(24)], source='x',
                              split=['train']*15+['val']*3+['test']*6, x1=100, y1=10, x2=540, y2=480, frames=20,
                              offset=range(0, 480, 20), in_wlasl100=1))
    rng = np.random.default_rng(0)
    side = rng.permuted(np.tile([.3,.7], (480, 1)), axis=1) # the slots are in no order
    hands = rng.normal(0, .02, (480, 2, 21, 2)) + np.stack([side, np.full_like(side, .6)], -1)[:,:,None]
    return hands,index

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('settings', nargs='*', metavar='KEY=value')
    parser.add_argument('--hands', type=Path)
    parser.add_argument('--index', type=Path)
    parser.add_argument('--seeds', type=int, default=1)
    parser.add_argument('--with-val', action='store_true', help='train on the validation clips, too')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--out', type=Path, default=Path('out/wlasl'))
    parser.add_argument('--check', action='store_true', help='small, on random hands')
    args = parser.parse_intermixed_args()
    limit_threads(args.threads, ['pytorch'])
    words = parse_overrides(args.settings)
    if not args.check:
        if not (args.hands and args.index): parser.error('expected --hands and --index')
        return run(np.load(args.hands)['xy'], pd.read_csv(args.index), args.out, words, args.seeds, args.with_val)
    hands,index = check_hands()
    right = as_clip(hands, .5, 4/3)[:,RIGHT_HAND,0]
    if not (right<.5).all(): raise AssertionError('expected the right hand on the left of the picture')
    with tempfile.TemporaryDirectory() as folder:
        run(hands, index, Path(folder), {**words, 'EPOCHS':1}, 1, args.with_val)

if __name__=='__main__': main()
