"""Settle doubtful labels: leave out the groups of clips that show no sign of theirs, name those that show another one.

    python benchmarks/labels.py --data data/raw/webcam --pictures out/labels

The folders that the bundled weights were made from, and the weights (`pretrained.py`):

    SIGNS=bye,hello,help,iloveyou,me,no,please,sorry,thankyou,yes,you
    python benchmarks/labels.py --data data/raw/webcam --out data/raw/settled --signs $SIGNS --most 8
    python benchmarks/labels.py --data data/raw/webcam --negatives data/raw/negatives --others data/raw/others --signs $SIGNS --most 6
    python benchmarks/pretrained.py --name everyday-11 --data data/raw/settled --negatives data/raw/others --out out/everyday-11

A group is what one signer recorded of one sign. `labels.csv` holds a decision about every group that somebody looked at:
right (kept, although doubtful), wrong and unclear (left out), other and exchanged (the clips show the sign in `instead`;
exchanged, if the signer's clips of two signs have changed places). Groups that are not listed are kept. OUT is a new folder
in GISLR's layout whose clips are links to those of DATA, which is only read. Report accuracy over both folders, as every
model looks better without the clips that it gets wrong. PICTURES gets a contact sheet for each listed group: some of its
clips, and below them settled clips by other signers, of the same sign and of the one in `instead`. OTHERS is a new folder
with the clips of all other signs of DATA and of NEGATIVES, but not of `LOOK_ALIKES`, which show the movement of one of SIGNS.
"""
import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from fastcore.test import expect_fail

from asl_nb.clip import Clip
from asl_nb.config import Config
from asl_nb.data.raw import load_label_map, read_clip_table, read_table
from asl_nb.data.synth import make_dataset
from asl_nb.landmarks import CONNECTIONS, LEFT_HAND, LEFT_SHOULDER, RIGHT_HAND, RIGHT_SHOULDER
from asl_nb.plots import PART_COLORS
from asl_nb.utils import atomic_path

LABELS = Path(__file__).with_name('labels.csv')
GROUP = ['participant_id','sign']
HANDS = np.r_[LEFT_HAND, RIGHT_HAND]
LOOK_ALIKES = ('loveyou','hey','salute','xinchao','toiyeuban','xinloi','mitujhyavarapremakarato','isl_sorry','isl_you',
               'vsl_ilikeyou','good')
RENAMED,LEFT_OUT = ('other','exchanged'),('wrong','unclear')

def read_labels(path=LABELS):
    "The decisions, one row per group: signer, sign, decision, instead, reason"
    labels = pd.read_csv(path, keep_default_na=False)
    odd = labels[~labels.decision.isin(['right', *RENAMED, *LEFT_OUT]) | labels.duplicated(['signer','sign'])
                 | (labels.decision.isin(RENAMED) != (labels.instead!=''))]
    if len(odd): raise ValueError(f'{path}: expected one known decision per group, found {odd.iloc[0].tolist()}')
    return labels

def settled_table(table, labels):
    "The clips with the signs they show, and whether that is `settled`: not where a group is wrong or unclear"
    about = labels.set_index(['signer','sign'])
    found = about.reindex(pd.MultiIndex.from_frame(table[GROUP]))
    return table.assign(sign=np.where(found.decision.isin(RENAMED), found.instead, table.sign),
                        settled=~found.decision.isin(LEFT_OUT).to_numpy())

def at_most(table, most):
    "At most so many clips of each signer and sign, evenly over their order"
    nth,n = table.groupby(GROUP).cumcount(),table.groupby(GROUP).path.transform('size')
    return table[(nth+1)*most//n > nth*most//n]

def _free(out):
    "`ValueError` for a folder with files in it"
    if out.exists() and any(out.iterdir()): raise ValueError(f'{out}: expected a new or empty folder, found files in it')
    return out

def write_folder(table, out):
    "Write a data folder whose clips are links to each row's `clip_file`"
    for p,clip in zip(table.path, table.clip_file):
        (out/p).parent.mkdir(parents=True, exist_ok=True)
        (out/p).symlink_to(Path(clip).resolve())
    index = {s:i for i,s in enumerate(sorted(table.sign.unique()))}
    with atomic_path(out/Config.MAP_JSON_FILE) as tmp: tmp.write_text(json.dumps(index))
    with atomic_path(out/Config.TRAIN_CSV_FILE) as tmp: table.drop(columns='clip_file').to_csv(tmp, index=False)

def read_settled(data, labels):
    "The table of a data folder with settled signs, and the file of each clip"
    table = settled_table(read_clip_table(data, Config.TRAIN_CSV_FILE), labels)
    return table.assign(clip_file=[Path(data)/p for p in table.path])

def write_settled(data, out, labels, signs=None, most=None, keep_doubtful=False):
    "Write a data folder with settled signs whose clips are links; its table"
    out,table = _free(Path(out)),read_settled(data, labels)
    unknown = sorted({*(signs or [])}-{*table.sign})
    if unknown: raise ValueError(f'expected signs of {data}, found {unknown}')
    if not keep_doubtful: table = table[table.settled]
    if signs: table = table[table.sign.isin(signs)]
    if most: table = at_most(table, most)
    write_folder(table, out)
    return table

def write_others(folders, out, labels, signs, most=None):
    "Write a data folder of what shows none of some signs, in several folders, whose clips are links; its table"
    out,parts = _free(Path(out)),[]
    for folder in map(Path, folders):
        table = read_settled(folder, labels)
        table = table[table.settled & ~table.sign.isin([*signs, *LOOK_ALIKES])]
        names = [str(Path(p).with_name(f'{folder.name}_{Path(p).name}')) for p in table.path] # unique in both
        parts.append(table.assign(path=names)[['path','participant_id','sequence_id','sign','clip_file']])
    table = pd.concat(parts, ignore_index=True)
    if most: table = at_most(table, most)
    write_folder(table, out)
    return table

# pictures

def draw_clip(ax, file, frames=8):
    "Upper body and hands of some frames with a hand, side by side; units are shoulder widths"
    from matplotlib.collections import LineCollection
    x = Clip.read(file).resolved(Config(SOURCE='webcam')).points
    seen = np.flatnonzero(~np.isnan(x[:,HANDS,0]).all(1))
    shoulders = x[:,[LEFT_SHOULDER, RIGHT_SHOULDER]]
    x = (x-np.nanmedian(shoulders, (0,1)))/np.nanmedian(np.linalg.norm(np.diff(shoulders, axis=1), axis=-1))
    for i,t in enumerate(seen[np.linspace(0, len(seen)-1, frames).round().astype(int)] if len(seen) else []):
        for part in ('pose','left_hand','right_hand'):
            lines = x[t][np.array(CONNECTIONS[part])]+[2*i,0]
            ax.add_collection(LineCollection(lines[~np.isnan(lines).any((1,2))], colors=PART_COLORS[part], lw=1))
    ax.set(xlim=(-1, 2*frames-1), ylim=(1.4, -1.2), aspect='equal', xticks=[], yticks=[])
    ax.spines[:].set_visible(False)

def contact_sheet(rows, path):
    "Write a picture with one clip per row; rows of (title, file)"
    from matplotlib.figure import Figure
    fig = Figure(figsize=(14, 1.7*len(rows)), dpi=100, layout='constrained')
    for ax,(title,file) in zip(fig.subplots(len(rows), squeeze=False)[:,0], rows):
        draw_clip(ax, file)
        ax.set_ylabel(title, fontsize=8)
    with atomic_path(path) as tmp: fig.savefig(tmp, format='png')

def write_pictures(data, labels, out, clips=3, others=2):
    "Write the contact sheet of each listed group"
    out.mkdir(parents=True, exist_ok=True)
    table = read_table(data)[0]
    settled = settled_table(table, labels).query('settled')
    for g in labels.itertuples():
        shown = at_most(table[(table.participant_id==g.signer) & (table.sign==g.sign)], clips)
        same = settled[settled.participant_id!=g.signer]
        beside = [at_most(same[same.sign==s], 1).head(others) for s in (g.sign, g.instead)]
        rows = [(f'{r.participant_id} {r.sign}', r.file) for t in (shown, *beside) for r in t.itertuples()]
        if len(shown): contact_sheet(rows, out/f'{g.signer}-{g.sign}.png')

def check():
    "What the functions promise, on synthetic signers"
    read_labels()
    with tempfile.TemporaryDirectory() as folder:
        data,out = Path(folder)/'data',Path(folder)/'out'
        table = make_dataset(data, n_signs=3, n_signers=3, n_clips=3, progress=False)
        raw = lambda: {p.relative_to(data):p.read_bytes() for p in data.rglob('*') if p.is_file()}
        before,(a,b,c),(p,q,r) = raw(),sorted(table.sign.unique()),table.participant_id.unique()
        rows = [(p,a,'exchanged',b), (p,b,'exchanged',a), (q,a,'other',c), (q,b,'wrong',''), (r,c,'unclear',''),
                (r,a,'right','')]
        pd.DataFrame(rows, columns=['signer','sign','decision','instead']).to_csv(Path(folder)/'labels.csv', index=False)
        labels,size = read_labels(Path(folder)/'labels.csv'),lambda t: t.groupby(GROUP).size().to_dict()
        write_settled(data, out, labels)
        found,report,index = read_table(out)
        assert size(found)=={(p,a):3, (p,b):3, (p,c):3, (q,c):6, (r,a):3, (r,b):3}, 'relabeled and left out'
        was = dict(zip(table.path, table.sign))
        assert {was[f] for f in found.path[(found.participant_id==p) & (found.sign==a)]}=={b}, 'exchanged'
        assert report.empty and list(index)==[a,b,c]
        assert all(Path(f).read_bytes()==before[Path(n)] for f,n in zip(found.file, found.path)), 'the same clips'
        some = write_settled(data, Path(folder)/'some', labels, signs=[c], most=2)
        assert size(some)=={(p,c):2, (q,c):2} and list(load_label_map(Path(folder)/'some'))==[c]
        every = write_settled(data, Path(folder)/'every', labels, keep_doubtful=True)
        assert len(every)==len(table) and size(every[~every.settled])=={(q,b):3, (r,c):3}
        others = write_others([data, Path(folder)/'every'], Path(folder)/'others', labels, [a], most=2)
        assert size(others)=={(p,b):2, (p,c):2, (q,c):2, (r,b):2} and read_table(Path(folder)/'others')[1].empty
        assert {*write_others([data], Path(folder)/'b', labels, [a, c]).clip_file}=={data/f for f in found.path[found.sign==b]}
        with expect_fail(ValueError, 'empty folder'): write_settled(data, out, labels)
        with expect_fail(ValueError, 'expected signs'): write_settled(data, Path(folder)/'none', labels, signs=['nosuch'])
        for bad in (labels.replace('right', 'perhaps'), labels.assign(instead=''), pd.concat([labels, labels])):
            bad.to_csv(Path(folder)/'bad.csv', index=False)
            with expect_fail(ValueError, 'one known decision'): read_labels(Path(folder)/'bad.csv')
        write_pictures(data, labels[:1], Path(folder)/'pictures')
        assert [f.read_bytes()[:4] for f in (Path(folder)/'pictures').iterdir()]==[b'\x89PNG']
        assert raw()==before, 'the raw data have changed'
    print(f'labels: {len(read_labels())} decisions; relabeled, left out, thinned and drawn, raw data as before')

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', type=Path, help="a folder in GISLR's layout")
    parser.add_argument('--out', type=Path, help='new data folder')
    parser.add_argument('--others', type=Path, help='new data folder of other signs than --signs')
    parser.add_argument('--negatives', type=Path, help='with --others: a second data folder')
    parser.add_argument('--pictures', type=Path, help='folder for contact sheets of all listed groups')
    parser.add_argument('--labels', type=Path, default=LABELS, help='table of decisions')
    parser.add_argument('--signs', type=lambda s: s.split(','), help='keep only these, as in hello,yes')
    parser.add_argument('--most', type=int, help='clips of each signer and sign')
    parser.add_argument('--keep-doubtful', action='store_true', help='also keep groups that are wrong or unclear')
    parser.add_argument('--check', action='store_true', help='small, on synthetic signers')
    args = parser.parse_args()
    if args.check: return check()
    if not args.data or not (args.out or args.pictures or args.others and args.signs):
        parser.error('expected --data, and --out, --pictures, or --others with --signs')
    labels = read_labels(args.labels)
    if args.pictures: write_pictures(args.data, labels, args.pictures)
    if args.others:
        folders = [f for f in (args.data, args.negatives) if f]
        table = write_others(folders, args.others, labels, args.signs, args.most)
        print(f'{len(table)} clips of {table.sign.nunique()} other signs by {table.participant_id.nunique()} signers')
    if not args.out: return
    table = write_settled(args.data, args.out, labels, args.signs, args.most, args.keep_doubtful)
    print(table.groupby('sign').agg(clips=('path','size'), signers=('participant_id','nunique')).to_string())

if __name__=='__main__': main()
