"""What `recipe.py` prints of clips that show none of the signs: how many are accepted as one."""
import json
from pathlib import Path

import numpy as np
import pandas as pd

from asl_nb.clip import Clip
from asl_nb.config import Config
from asl_nb.data.raw import read_table
from asl_nb.predict import Recognizer

SHARES = (.9,.8,.7) # of the right answers, accepted
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

def answers(recognizer, rows, signs):
    "The sign that a recognizer finds most probable in each clip, and how probable it is"
    parts = [np.zeros((0, len(recognizer.signs)))]
    for k in range(0, len(rows), 256):
        parts.append(recognizer.probabilities([Clip.read(f) for f in rows.file.iloc[k:k+256]]))
    probs = np.concatenate(parts)[:,[recognizer.signs.index(s) for s in signs]]
    return np.array(signs)[probs.argmax(1)],probs.max(1)

def mine(rows, split, fold, n_folds):
    "The clips a fold's model is tested on: of its test signers, and its share of the signers on no side of the split"
    stranger = ~rows.participant_id.isin([*split['train'], *split['valid'], *split['test']])
    return rows[rows.participant_id.isin(split['test']) | stranger & (rows.participant_id%n_folds==fold)]

def other_signs(run_dir, cfg, domains, trained):
    "What a model says of signs and other signs in each domain; all models are tested on the dictionary"
    recognizer,parts = Recognizer.from_pretrained(run_dir),[]
    signs = [s for s in recognizer.signs if s!=Config.NO_SIGN]
    for domain,folder in domains:
        rows = read_table(folder)[0]
        if domain!='dictionary': rows = mine(rows, recognizer.model.sidecar['split'], cfg.FOLD, cfg.N_FOLDS)
        if domain=='others': rows = rows[~rows.sign.isin(signs)]
        said,score = answers(recognizer, rows, signs)
        kind = np.select([rows.sign.isin(signs), rows.sign.isin(trained)], ['sign','trained on'], 'new')
        parts.append(rows[['path','participant_id','sign']].assign(domain=domain, kind=kind, right=said==rows.sign,
                                                                    score=score))
    return pd.concat(parts)

def acceptance(found):
    "What is accepted where SHARES of the right answers for the test signers' signs are"
    rows,at = [],lambda domain, kind: found[(found.domain==domain) & (found.kind==kind)]
    signs,words = at('signs','sign'),at('dictionary','sign')
    for share in SHARES:
        threshold = signs.score[signs.right].quantile(1-share)
        accepted = lambda some: round((some.score>=threshold).mean(), 3)
        good = lambda some: round(((some.score>=threshold) & some.right).mean(), 3)
        rows.append({'right answers accepted':share, 'threshold':round(threshold, 3),
                     'others, trained on':accepted(at('others','trained on')), 'others, new':accepted(at('others','new')),
                     'dictionary, new':accepted(at('dictionary','new')), 'right and accepted':good(signs),
                     'dictionary: top-1':round(words.right.mean(), 3), 'right and accepted there':good(words)})
    return pd.DataFrame(rows).set_index('right answers accepted')
