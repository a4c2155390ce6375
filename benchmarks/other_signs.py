"""What models say of clips that show none of the signs: how many are accepted as one."""
import json
from pathlib import Path

import numpy as np
import pandas as pd

from asl_nb.config import Config
from asl_nb.data.raw import read_table
from asl_nb.metrics import accepted
from asl_nb.predict import NO_SIGN, Recognizer

CHUNK = 256 # clips that are read at once
STILL = 'nosign' # clips of people who only sit there: always among those that are trained on

def trained_half(folder, signs, out):
    "A data folder with every second gloss of another, without signs; the clips stay where they are"
    table = read_table(folder)[0]
    other = table[~table.sign.isin(signs)]
    half = other[other.sign.isin({*sorted({*other.sign}-{STILL})[::2], STILL})]
    out.mkdir(parents=True, exist_ok=True)
    half.drop(columns=['additional','label','file']).to_csv(out/Config.TRAIN_CSV_FILE, index=False)
    (out/Config.MAP_JSON_FILE).write_text(json.dumps({s:i for i,s in enumerate(sorted({*half.sign}))}))
    clips = out/Config.LANDMARK_FILES
    if not clips.is_symlink(): clips.symlink_to((Path(folder)/Config.LANDMARK_FILES).resolve(), True)
    return out

def answers(recognizer, rows):
    "A recognizer's answer to each clip, the most probable sign, and how probable that is"
    chunks = [rows.file.iloc[k:k+CHUNK].tolist() for k in range(0, len(rows), CHUNK)]
    said = [a for files in chunks for a in recognizer.predict_batch(files, top=2)]
    best = [next(p.sign for p in a.top if p.sign!=NO_SIGN) for a in said]
    found = rows[['path','participant_id','sign']].assign(best=best, score=[a.probability for a in said],
                                                          answer=[a.sign for a in said])
    return found.assign(right=found.best==found.sign, named=found.answer==found.sign)

def own_clips(rows, split, cfg):
    "The clips that a fold tests: of its test signers, and its share of the signers on no side of the split"
    stranger = ~rows.participant_id.isin([*split['train'], *split['valid'], *split['test']])
    return rows[rows.participant_id.isin(split['test']) | stranger & (rows.participant_id%cfg.N_FOLDS==cfg.FOLD)]

def score_domains(run_dir, cfg, plan):
    "What a model says of signs and other signs: of its test signers, and of the whole dictionary"
    recognizer,parts = Recognizer.from_pretrained(run_dir),[]
    trained = {*read_table(plan.half)[0].sign}
    for domain,folder in dict(signs=plan.data, others=plan.negatives, dictionary=plan.dictionary).items():
        if folder is None: continue
        rows = read_table(folder)[0]
        if domain!='dictionary': rows = own_clips(rows, recognizer.model.sidecar['split'], cfg)
        if domain=='others': rows = rows[~rows.sign.isin(recognizer.signs)]
        if 'settled' in rows: rows = rows[rows.settled!='False']
        kind = np.select([rows.sign.isin(recognizer.signs), rows.sign.isin(trained)], ['sign','trained on'], 'new')
        parts.append(answers(recognizer, rows).assign(domain=domain, kind=kind))
    return pd.concat(parts)

def acceptance(found):
    "What is accepted at thresholds that accept shares of the right answers for the test signers' signs"
    at = lambda domain, kind: found[(found.domain==domain) & (found.kind==kind)]
    signs,words = at('signs','sign'),at('dictionary','sign')
    others = {'others, trained on':at('others','trained on'), 'others, new':at('others','new'),
              'dictionary, new':at('dictionary','new')}
    table = accepted(signs.score, signs.right, others['others, new'].score).drop(columns='false_accepts')
    share = lambda some: [(some.score>=t).mean().round(3) for t in table.threshold]
    for name,some in others.items(): table[name] = share(some)
    right = [(words.right & (words.score>=t)).mean() for t in table.threshold]
    return table.assign(**{'dictionary, right and accepted':right, 'dictionary, top-1':words.right.mean()}).round(3)
