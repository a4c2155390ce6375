"""How time, memory and disk grow with the number of clips, up to the competition's 94,477, and whether a killed run ends the same.

    python benchmarks/scale.py [--table train.csv] [--sizes 1000 10000 94477] [--workers 2] [--out out/scale]
    python benchmarks/scale.py --kill [--table train.csv]
    python benchmarks/scale.py --check

Each size is a data folder in the competition's layout: clips drawn from TABLE, or from one made here with as many clips, signs and
signers. Lengths are spread as the competition's: median 22 frames, 95th percentile 135, 5.5 % above 128. Every clip is a file of its
own, which repeats or skips the frames of one synthetic clip for each sign, each time at another place and with another sway. To
take less disk there is no row_id (more than half of such a file), x and y are rounded to 1/1024, and z is 0. What is read of a
clip, x and y, is as many numbers of the same types, in a sixth of the competition's bytes.

The steps are what the commands do: make the folder (this script's own), check it, pack it into a store, find the store of the folder,
open the store, split by signer, make the features of all clips, start training by each of configs/ (5 batches, and 5 to validate, of 100
clips, or of a tenth of the smallest size), and evaluate on the test signers what the smaller model learned. Each runs in a new process. Its
imports are not in its time, but in its memory. It reads from the disk: what is cached of the files is dropped before, but not their
names and sizes, as after `ls`. Memory is the most that a step's processes had together, shared pages counted once, looked at five times a
second, less often where a look takes long; "own" is without the pages of mapped files, which the system may drop. Training and
evaluation compute on one core.

"Exponent" is the slope of a line through log time and log clips, by least squares: 1 means twice the time for twice the clips. "Last" is
that of the two largest sizes, where what is the same at any size counts least. A size's data are removed once it is measured;
the largest take 11 GB, and 3 more while they are packed. A run that was interrupted goes on where it was if the words are repeated.

--kill makes, packs, trains (two epochs) and evaluates the smallest size twice: without a break, and with SIGKILL at ten points that are
counted in files and steps, each time started again. All files must have the same bytes: clips, store, history, weights, report; of the
state of training (last.pt) the values are compared.
Linux only. Exits with 1 if killing changes a file; --check runs a part of both, tiny.
"""
import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from statistics import NormalDist
from threading import RLock

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from asl_nb.config import Config, read_settings
from asl_nb.data.dataset import ASLDataset, make_split, split_clips
from asl_nb.data.raw import COLUMNS, check_data, map_clips
from asl_nb.data.store import Store, open_store, preprocess_raw_data
from asl_nb.data.synth import synth_clip, synth_signer, synth_signs
from asl_nb.landmarks import N_ROWS, ROW_INDEX, ROW_TYPE
from asl_nb.models.checkpoint import ASSETS
from asl_nb.models.registry import recipe_config
from asl_nb.utils import atomic_path, end_with_parent

N_CLIPS,N_SIGNS,N_SIGNERS = 94_477,250,21 # of the competition
MEDIAN,SPREAD,LONGEST = 22,1.103,500      # frames of its clips: of a lognormal distribution
BATCHES,BATCH,DIGITS = 5,100,1024
SMALLEST,TINY = 260,130                   # clips: two parts of a store; enough to split
SMALL,LARGE = 'gislr-fast','gislr'        # of configs/

@dataclass(frozen=True)
class Job:
    "One size: where its files are, and how they are made"
    folder: Path
    table: str # None for one that is made
    n: int
    batch: int # clips
    workers: int

    raw = property(lambda self: self.folder/'raw'/'clips')
    report = property(lambda self: self.folder/'report')
    def run(self, name): return self.folder/'runs'/name
    def store(self, name): return next((self.folder/'processed'/name).glob(f'*/{Config.MARKER_FILE}')).parent

    def recipe(self, name, **more):
        "The settings of one of configs/, and keys of its model"
        values = {k:v for k,v in read_settings(ASSETS/'configs'/f'{name}.yaml').items()}
        more = dict(ROOT_PATH=str(self.folder), PROCESSED_DATA_DIR=f'processed/{name}', DEVICE='cpu', BATCH_SIZE=self.batch) | more
        settings = {k:v for k,v in values.items() if k.isupper()} | more
        return recipe_config(settings.pop('MODELNAME'), **settings),{k:v for k,v in values.items() if not k.isupper()}

# ---- the clips

def all_rows(table):
    "The rows of a table, or of one with the competition's numbers"
    if table: return pd.read_csv(table, dtype=str, usecols=list(COLUMNS))
    rng,signs = np.random.default_rng(0),[s.name for s in known_signs()]
    signer = 1001+rng.integers(0, N_SIGNERS, N_CLIPS)
    number = 10**9+rng.permutation(10*N_CLIPS)[:N_CLIPS]
    path = [f'{Config.LANDMARK_FILES}/{p}/{i}.parquet' for p,i in zip(signer, number)]
    return pd.DataFrame(dict(path=path, participant_id=signer, sequence_id=number, sign=rng.choice(signs, N_CLIPS)))

def lengths(n):
    "Frames of each clip: evenly spread quantiles in random order"
    quantiles = [NormalDist().inv_cdf((i+.5)/n) for i in range(n)]
    frames = (MEDIAN*np.exp(SPREAD*np.array(quantiles))).round().clip(2, LONGEST).astype(int)
    return np.random.default_rng(0).permutation(frames)

@cache
def known_signs(): return synth_signs(N_SIGNS)

@cache
def template(i):
    "The synthetic clip of a sign"
    return synth_clip(known_signs()[i%N_SIGNS], synth_signer(i%N_SIGNERS), np.random.default_rng(i))

@cache
def keys():
    "The columns that say which frame and landmark a row is, for the longest clip"
    row = np.tile(np.arange(N_ROWS), LONGEST)
    frame = np.repeat(np.arange(LONGEST, dtype=np.int16), N_ROWS)
    return pa.table({'frame':frame, 'type':pa.array(ROW_TYPE).dictionary_encode().take(row), 'landmark_index':ROW_INDEX[row]})

def varied(sign, frames, number):
    "A clip's points (T, 543, 2): those of its sign, at another place and with another sway"
    known,rng = template(sign),np.random.default_rng(number)
    lm = known[np.linspace(0, len(known)-1, frames).round().astype(int),:,:2]
    lm = lm + rng.uniform(-.05, .05, 2) + .004*rng.standard_normal((frames,1,2))
    return np.round(DIGITS*lm)/DIGITS

def write_one(item, folder):
    "Write a clip's file if it is missing"
    path,*what = item
    if (folder/path).exists(): return
    points = varied(*what).reshape(-1, 2)
    table = keys().slice(0, len(points))
    for name,values in zip('xyz', (*points.T, np.zeros(len(points)))): table = table.append_column(name, pa.array(values))
    with atomic_path(folder/path) as tmp: pq.write_table(table, tmp, store_schema=False) # or `type` would be read as no text

# ---- the steps

def make(job):
    "Write clips, then their table"
    rows,frames = all_rows(job.table),lengths(job.n)
    signs = {s:i for i,s in enumerate(sorted(rows.sign.unique()))}
    rows = rows.sample(job.n, random_state=0).sort_index()
    items = [*zip(rows.path, rows.sign.map(signs), frames, rows.index)]
    for o in map_clips(partial(write_one, folder=job.raw), items, job.workers):
        if isinstance(o, Exception): raise o
    texts = {Config.MAP_JSON_FILE:json.dumps(signs), Config.TRAIN_CSV_FILE:rows.to_csv(index=False)}
    for name,text in texts.items():
        with atomic_path(job.raw/name) as tmp: tmp.write_text(text)

def check(job):
    "`asl data check`"
    report = check_data(job.raw, job.workers)[1]
    if len(report): raise ValueError(f'{len(report)} problems; the first: {report.iloc[0].tolist()}')

def pack(job, name):
    "`asl data preprocess`"
    preprocess_raw_data(job.raw, job.recipe(name)[0], n_workers=job.workers)

def find(job):
    "What a command does first that is given the data folder: find its store, and open it"
    open_store(job.raw, job.recipe(LARGE)[0])

def opened(job): Store(job.store(LARGE))

def split(job):
    "Open, and split by signer"
    table = Store(job.store(LARGE)).table
    split_clips(table, make_split(table, job.recipe(LARGE)[0]))

def features(job):
    "What the first epoch does: make the features of all clips, which stay in memory"
    data = ASLDataset(store=Store(job.store(LARGE)), cfg=job.recipe(LARGE)[0])
    for i in range(0, len(data), 256): data.batch(range(i, min(i+256, len(data))))

def trainer(job, name, **more):
    from asl_nb.trainer import Trainer
    cfg,overrides = job.recipe(name, **more)
    return Trainer(cfg, job.store(name), run_dir=job.run(name), progress=False, overrides=overrides)

def started(job, name): trainer(job, name, FAST_DEV_RUN=True, LIMIT_BATCHES=BATCHES).train()

def trained(job):
    "Train for two epochs, or go on with it"
    t = trainer(job, SMALL, EPOCHS=2)
    (t.resume() if t.state_path.exists() else t).train()

def evaluate(job):
    "`asl evaluate`"
    from asl_nb.trainer import evaluate_run
    evaluate_run(job.run(SMALL), job.store(SMALL)).save(job.report)

PACKS = {f'pack for {name}':name for name in (LARGE, SMALL)}
STARTS = {f'start {name}':name for name in (LARGE, SMALL)}
STEPS = {'make':make, 'check':check, **{k:partial(pack, name=v) for k,v in PACKS.items()}, 'find the store':find, 'open the store':opened,
         'open and split':split, 'features':features, **{k:partial(started, name=v) for k,v in STARTS.items()}, 'evaluate':evaluate}
FOLDERS = {'make':'raw', **{k:f'processed/{v}' for k,v in PACKS.items()}, **{k:f'runs/{v}' for k,v in STARTS.items()}, 'evaluate':'report'}
LIGHT = 8 # the steps without a model
GOES_ON = 'make',*PACKS # after an interruption; the others begin anew

def prepare(step):
    "What comes before a step in its process"
    end_with_parent()
    warnings.filterwarnings('ignore', 'The least populated class') # at small sizes
    load(step)

def load(step):
    "Import what a step needs beside what this script does"
    if step in ('make','check','pack') or step in PACKS: return
    import scipy.sparse.csgraph, sklearn.model_selection
    if step not in ('train','evaluate') and step not in STARTS: return
    import asl_nb.trainer, tensorboard, torch, torchmetrics
    torch.set_num_threads(1)
    if step=='evaluate': import seaborn # for the pictures

# ---- the measurement

def tree(pid):
    "A process and all below it"
    try: below = [int(p) for f in Path(f'/proc/{pid}/task').glob('*/children') for p in f.read_text().split()]
    except OSError: below = [] # it has just ended
    return [pid, *(p for b in below for p in tree(b))]

def look(pid):
    "Processor seconds of a process and all below it, ended ones too, and MiB they have: all, and own"
    ticks,kib = 0,Counter()
    for p in tree(pid):
        try:
            ticks += sum(map(int, Path(f'/proc/{p}/stat').read_text().rpartition(')')[2].split()[11:15]))
            lines = Path(f'/proc/{p}/smaps_rollup').read_text().splitlines()[1:]
        except OSError: continue
        kib.update({k:int(v.split()[0]) for k,v in (line.split(':') for line in lines)})
    return ticks/os.sysconf('SC_CLK_TCK'),kib['Pss']/1024,kib['Pss_Anon']/1024

def on_disk(folder):
    "Bytes that the files below a folder take"
    total = 0
    for where,_,names in os.walk(folder):
        for name in names:
            try: total += os.stat(os.path.join(where, name)).st_blocks*512
            except FileNotFoundError: pass # renamed since
    return total

def drop_cached(folder):
    "Let nothing of the files below a folder be in memory"
    os.sync() # what is not written yet would stay
    for where,_,names in os.walk(folder):
        for name in names:
            f = os.open(os.path.join(where, name), os.O_RDONLY)
            os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(f)

def in_process(link, step, job):
    "In a new process: do a step, and say when it begins and ends"
    prepare(step)
    link.send('begins')
    STEPS[step](job)
    link.send('ends')
    link.recv() # what it took is being read

class Notes:
    "What a step takes, written down as it goes; where it goes on after an interruption, its parts are added up"
    def __init__(self, file, step):
        self.file,self.step = file,step
        self.all = json.loads(file.read_text()) if file.exists() else {}
        last = self.all.get(step, {})
        self.done,self.before = last.get('done', False),last if step in GOES_ON else {}

    def begin(self, pid):
        self.pid,self.most,self.processor,self.start = pid,dict(self.before),look(pid)[0],time.perf_counter()

    def note(self, folder, done=False):
        "Look; the seconds that this took"
        now = time.perf_counter()
        processor,*memory = look(self.pid)
        disk = on_disk(folder) if folder else 0
        for k,v in zip(('memory','own','disk_most'), (*memory, disk)): self.most[k] = max(self.most.get(k, 0), v)
        took = dict(wall=now-self.start, processor=processor-self.processor, parts=1)
        row = self.most | {k:v+self.before.get(k, 0) for k,v in took.items()} | dict(disk=disk, done=done)
        with atomic_path(self.file) as tmp: tmp.write_text(json.dumps(self.all | {self.step:row}, indent=1))
        return time.perf_counter()-now

def measure(job, step, file, context):
    "Do a step in a new process, and note what it takes"
    notes,folder = Notes(file, step),FOLDERS.get(step) and job.folder/FOLDERS[step]
    if notes.done: return
    print(f'{job.n:,} clips: {step}', flush=True)
    if step!='make': drop_cached(job.folder)
    link,theirs = context.Pipe()
    process = context.Process(target=in_process, args=(theirs, step, job))
    process.start()
    theirs.close()
    try:
        link.recv()
        notes.begin(process.pid)
        looking = 0
        while not link.poll(max(.2, 20*looking)): looking = notes.note(folder if step!='make' else None) # too many files
        link.recv()
    except EOFError:
        process.join()
        sys.exit(f'{step} of {job.n:,} clips ended with code {process.exitcode}')
    notes.note(folder, done=True)
    link.send('read')
    process.join()

def show(n, steps):
    "Print what each step of a size took"
    rows = {k:{'wall s':v['wall'], 'processor s':v['processor'], 'ms a clip':v['wall']/n*1e3, 'memory MiB':v['memory'], 'own MiB':v['own'],
               'disk MB':v['disk']/1e6, 'at most':v['disk_most']/1e6, 'parts':v['parts']} for k,v in steps.items()}
    print(f'\n{n:,} clips', pd.DataFrame(rows).T.astype({'parts':int}).to_string(float_format='{:,.2f}'.format), '', sep='\n')

def exponent(sizes, seconds): return np.polyfit(np.log(sizes), np.log(np.maximum(seconds, .01)), 1)[0] # .01: what a clock tells

def show_growth(found):
    "Print with which power of the number of clips each step grows"
    rows,sizes = {},list(found)
    for step in found[sizes[0]]:
        wall,processor,own = ([found[n][step][k] for n in sizes] for k in ('wall','processor','own'))
        rows[step] = {'wall':exponent(sizes, wall), 'last':exponent(sizes[-2:], wall[-2:]), 'processor':exponent(sizes, processor),
                      'its last':exponent(sizes[-2:], processor[-2:]), 'own memory':exponent(sizes, own)}
    print(f'exponents of growth over {", ".join(f"{n:,}" for n in sizes)} clips',
          pd.DataFrame(rows).T.to_string(float_format='{:.2f}'.format), sep='\n')

# ---- killing

KILLS = [ # step, what is called, and before which call the process is killed
    ('make', 'os:replace', 1, 'before the first clip is in its place'),
    ('make', 'pyarrow.parquet:ParquetWriter.close', 100, 'when one clip is half written'),
    ('pack', 'os:replace', 2, 'before the table of the first part is in its place'),
    ('pack', 'asl_nb.data.store:read_people', 2, 'in a later part'),
    ('pack', 'shutil:copyfileobj', 2, 'while parts are joined'),
    ('pack', 'shutil:rmtree', 1, 'when the store is there, before its parts are removed'),
    ('train', 'asl_nb.trainer:Trainer._optimize', 4, 'in the first epoch'),
    ('train', 'asl_nb.trainer:Trainer._optimize', 10, 'in the second epoch'),
    ('train', 'asl_nb.trainer:Trainer.save_state', 1, 'when the weights of an epoch are saved, before its state is'),
    ('evaluate', 'os:replace', 2, 'in the middle of the report')]
KILLED = dict(make=make, pack=partial(pack, name=SMALL), train=trained, evaluate=evaluate)

def kill_at(place, number):
    "Have this process killed just before a function is called for the numberth time"
    module,_,names = place.partition(':')
    owner,(*way,name) = import_module(module),names.split('.')
    for w in way: owner = getattr(owner, w)
    fn,calls = getattr(owner, name),count(1)
    def counted(*args, **kw):
        if next(calls)==number: os.kill(os.getpid(), signal.SIGKILL)
        return fn(*args, **kw)
    setattr(owner, name, counted)

def ended(step, job, context, kill=None):
    "Do a step in a new process; its exit code"
    process = context.Process(target=until_killed, args=(step, job, kill))
    process.start()
    process.join()
    return process.exitcode

def until_killed(step, job, kill):
    "In a new process: do a step, and be killed on the way if asked"
    prepare(step)
    tqdm.set_lock(RLock()) # its own is the system's, and stays behind a process that is killed
    if kill: kill_at(*kill)
    KILLED[step](job)

def digests(folder):
    "Hash of each file below a folder; a name that begins with a dot is unfinished, and logs tell the time"
    files = (p for p in folder.rglob('*') if p.is_file() and not p.name.startswith(('.','events.')) and p.suffix!='.lock')
    return {p.relative_to(folder).as_posix():hashlib.sha256(content(p)).hexdigest() for p in files}

def content(path):
    "The bytes of a file; of the state of a training those of its values, which may lie in another order"
    if path.suffix!='.pt': return path.read_bytes()
    def plain(o):
        if hasattr(o, 'numpy'): return str(o.dtype),o.shape,o.numpy().tobytes()
        if isinstance(o, dict): return [(k, plain(v)) for k,v in o.items()]
        return [plain(v) for v in o] if isinstance(o, (list, tuple)) else o
    from asl_nb.models.checkpoint import read_training_state
    return repr(plain(read_training_state(path))).encode()

def kill(job, kills, context):
    "Whether a run that is killed on the way has the same files as one that is not"
    steps = dict.fromkeys(at for at,*_ in kills)
    print(f'{job.n:,} clips: {", ".join(steps)} without a break', flush=True)
    if any(ended(step, job, context) for step in steps): sys.exit('it failed')
    expected = digests(job.folder)
    shutil.rmtree(job.folder)
    for step in steps:
        for at,place,number,words in kills:
            if at!=step: continue
            code = ended(step, job, context, (place, number))
            print(f'{step}: killed before call {number} of {place}, {words}', flush=True)
            if code!=-signal.SIGKILL: sys.exit(f'expected that SIGKILL ends it, found code {code}')
        if ended(step, job, context): sys.exit('it failed to go on')
    found = digests(job.folder)
    changed = [f for f in sorted(expected.keys()|found.keys()) if expected.get(f)!=found.get(f)]
    for f in changed: print(f'{f}: expected {expected.get(f)}, found {found.get(f)}')
    kinds = Counter(f.split('/')[0] for f in expected)
    print(f'{len(expected)} files ({", ".join(f"{v} in {k}" for k,v in kinds.items())}), {len(changed)} changed; left behind by killed processes: '
          f'{sum(p.name.startswith(".") for p in job.folder.rglob("*"))} unfinished files')
    return not changed

# ---- all

def measured(jobs, steps, context):
    "Measure each size, and print what was found"
    found = {}
    for job in jobs:
        file = job.folder.with_suffix('.json')
        for step in steps: measure(job, step, file, context)
        shutil.rmtree(job.folder, ignore_errors=True)
        found[job.n] = json.loads(file.read_text())
        show(job.n, found[job.n])
    if len(found)>1: show_growth(found)

def expect_same(out, how):
    "`SystemExit` if what is in a folder was made in another way"
    file,how = out/'how.json',json.dumps(how)
    out.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.read_text()!=how: sys.exit(f'{out}: expected {how} again, found {file.read_text()}: name another --out')
    file.write_text(how)

def main():
    "Run everything"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--table', help="a table of clips, as the competition's train.csv")
    parser.add_argument('--sizes', type=int, nargs='+', default=[1000, 10_000, N_CLIPS])
    parser.add_argument('--workers', type=int, default=2, help='processes that make, check and pack')
    parser.add_argument('--out', default='out/scale', help='folder for the data, and for what was measured')
    parser.add_argument('--kill', action='store_true', help='kill the smallest size instead')
    parser.add_argument('--check', action='store_true', help='a part of both, tiny')
    args = parser.parse_args()
    if args.check:
        load('open and split') # so that the processes, which are forks, need not
        args.sizes,args.workers = [TINY],1
    context,known = get_context('fork' if args.check else 'spawn'),len(all_rows(args.table))
    sizes = sorted(set(args.sizes))
    least,steps,kills = (TINY, [*STEPS][:LIGHT], KILLS[1:9:2]) if args.check else (SMALLEST, STEPS, KILLS)
    if not least<=sizes[0]<=sizes[-1]<=known: parser.error(f'--sizes: expected from {least} to {known} clips, found {args.sizes}')
    with tempfile.TemporaryDirectory() as d:
        out = Path(d if args.check else args.out)
        expect_same(out, dict(table=args.table, workers=args.workers, batch=min(BATCH, sizes[0]//10)))
        if not args.kill: measured([Job(out/f'{n}', args.table, n, min(BATCH, sizes[0]//10), args.workers) for n in sizes], steps, context)
        if not (args.kill or args.check): return
        if args.check: load('train')
        n = max(SMALLEST, sizes[0])
        try: return int(not kill(Job(out/'killed', args.table, n, min(BATCH, n//10), 1), kills, context))
        finally: shutil.rmtree(out/'killed', ignore_errors=True)

if __name__=='__main__': sys.exit(main())
