"""Make every number, table and picture that the pages print again, and say what changed against what is printed.

    python benchmarks/results.py --data FOLDER [--everyday DIR ...] [--only NAME ...] [--again NAME ...] [--out out/results]
    python benchmarks/results.py --list
    python benchmarks/results.py --check

`nbs/results/results.yaml` is the list: for each entry its command, its data, how its numbers are read from what the command says and
writes, the numbers with a tolerance, and the sentences of pages that print them. The numbers of the cards are read from the cards. A
picture's number is how much it differs from the one that is shown.
FOLDER has data folders under their names (`--list` shows them); each can be given alone, as in --everyday DIR. Entries whose data
were not named are listed as not run.

What an entry's command writes lies in OUT/NAME. It is kept, so a run that was killed goes on where it was; --again makes the entry
anew. OUT/report.md says at the end what was made, what changed, and where that is printed.

--check needs no data, and about half a minute: the cards are filled in again from the answers that nbs/results keeps, the example
and the picture are made, every sentence of the list must be on its page, and README.md and the guide must have no other number that
looks like a result. It exits with 1 if something does not fit.
"""
import argparse
import re
import shlex
import shutil
import subprocess
import sys
import time
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from asl_nb.utils import atomic_path

ROOT = Path(__file__).resolve().parent.parent
STORE = ROOT/'nbs'/'results'/'results.yaml'
FIELDS = {'title','command','needs','device','quick','date','data','split','file','lines','pictures','stored','columns',
          'numbers','labels','tolerance','printed','note'}

def read_store(path=STORE):
    "The list of results"
    store = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    for name,entry in store['entries'].items():
        if unknown := entry.keys()-FIELDS: raise ValueError(f'{path}, {name}: expected fields among {sorted(FIELDS)}, found {unknown}')
    return store

# numbers

NUMERIC = re.compile(r'([-+]?(?:\d[\d,]*)?\.?\d+)(?: ?(?:±|%|s\b|\().*)?$')

def number(text):
    "The number that a cell begins with; None for words"
    found = NUMERIC.match(text.strip())
    return float(found[1].replace(',', '')) if found else None

def column_names(cells):
    "The names of a table's columns; one that comes again belongs to what stands before the last colon"
    names,group = [],''
    for c in cells:
        if ':' in c: group = c.split(':')[0]
        names.append(f'{group}: {c}' if c in names else c)
    return names

def table_numbers(text):
    "The numbers of Markdown's tables: names are the words that begin a row, a dot, and the column"
    found,head = {},None
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip('|').split('|')] if line.startswith('|') else None
        if not cells: head = None
        elif head is None: head = column_names(cells)
        elif not line.startswith('| ---'):
            values = [number(c) for c in cells]
            words = 1+max((i for i,(c,v) in enumerate(zip(cells, values)) if v is None and c!='-'), default=0)
            found |= {f'{", ".join(cells[:words])}.{h}':v for h,v in zip(head[words:], values[words:]) if v is not None}
    return found

def csv_numbers(path):
    "The numbers of a table in a file, by its first column"
    table = pd.read_csv(path, index_col=0)
    return {f'{row}.{c}':v for row,values in table.select_dtypes('number').iterrows() for c,v in values.items() if pd.notna(v)}

def line_numbers(text, patterns):
    "The numbers in the named groups of patterns, where a line fits; the group `row` names the line"
    found = {}
    for pattern in patterns:
        for m in re.finditer(pattern, text, re.M):
            groups = {k:v for k,v in m.groupdict().items() if v}
            row = groups.pop('row', None)
            found |= {f'{row}.{k}' if row else k:number(v) for k,v in groups.items()}
    return found

def file_numbers(path):
    "The numbers in a file's tables"
    return csv_numbers(path) if path.suffix=='.csv' else table_numbers(path.read_text(encoding='utf-8'))

def picture_difference(*paths):
    "How much two pictures or films differ: the mean over their points, 0 to 1"
    from PIL import Image, ImageSequence
    a,b = ([np.asarray(f.convert('RGB'), float)/255 for f in ImageSequence.Iterator(Image.open(p))] for p in paths)
    if [f.shape for f in a]!=[f.shape for f in b]: return 1.
    return float(np.mean([np.abs(f-g).mean() for f,g in zip(a, b)]))

def expected(entry):
    "The numbers of an entry as they are printed"
    columns,found = entry.get('columns'),{}
    for name,value in entry.get('numbers', {}).items():
        if columns: found |= {f'{name}.{c}':v for c,v in zip(columns, value, strict=True) if v is not None}
        else: found[name] = value
    return {**(file_numbers(ROOT/entry['stored']) if 'stored' in entry else {}), **found, **dict.fromkeys(entry.get('pictures', {}), 0)}

def measured(entry, folder):
    "The numbers that a run gave"
    text,file = (folder/'output.txt').read_text(encoding='utf-8'),entry.get('file')
    found = file_numbers(folder/file) if file else {}
    if file and not file.endswith('.csv'): text += (folder/file).read_text(encoding='utf-8')
    pictures = {made:picture_difference(folder/made, ROOT/shown) for made,shown in entry.get('pictures', {}).items()}
    return {**found, **pictures, **line_numbers(text, entry.get('lines', []))}

def changes(entry, found):
    "What a run gave otherwise than it is printed, as text"
    tolerance,relative = entry.get('tolerance', 0),False
    if isinstance(tolerance, str): tolerance,relative = float(tolerance.strip('%'))/100,True
    for name,old in expected(entry).items():
        new = found.get(name)
        if new is None: yield f'{name}: {old:g} is printed, the run does not give it'
        elif abs(new-old)>tolerance*(abs(old) if relative else 1)+1e-9:
            yield f'{name}: {old:g} is printed, now {new:g} (tolerance {entry.get("tolerance", 0)})'

# runs

def words_of(command, places):
    "The words of a command, with folders in place of their names"
    words = [w.format(**places) for w in shlex.split(command)]
    if words[0]=='asl': return [sys.executable, '-c', 'from asl_nb.cli import main; main()', *words[1:]]
    return [sys.executable, '-W', 'ignore', *words]

def made(name, command, folder, places, fresh=None):
    "Run commands whose output is kept; what went wrong, or nothing. What is `fresh` is removed before. The lock ends with the last command"
    import fcntl
    commands = [command] if isinstance(command, str) else command
    folder.mkdir(parents=True, exist_ok=True)
    said,wanted = folder/'command.txt','\n'.join(c.format(**places) for c in commands)+'\n'
    if said.exists() and said.read_text()!=wanted: return f'{folder} is of another command: --again {name} makes it anew'
    with open(folder/'lock', 'w') as lock:
        try: fcntl.flock(lock, fcntl.LOCK_EX|fcntl.LOCK_NB)
        except BlockingIOError: return 'still runs elsewhere'
        if (folder/'output.txt').exists(): return None
        if fresh: shutil.rmtree(fresh, ignore_errors=True)
        with atomic_path(said) as tmp: tmp.write_text(wanted)
        with open(folder/'running.txt', 'w') as out, open(folder/'errors.txt', 'w') as errors:
            for c in commands:
                done = subprocess.run(words_of(c, places), cwd=ROOT, stdout=out, stderr=errors, pass_fds=[lock.fileno()])
                if done.returncode: return f'failed with {done.returncode}: {folder}/errors.txt'
        (folder/'running.txt').replace(folder/'output.txt')

def lacking(entry, places, steps):
    "What keeps an entry from being run, in words"
    missing = [n for n in entry.get('needs', []) if not places.get(n) and n not in steps]
    missing += [n for s in entry.get('needs', []) if s in steps for n in steps[s]['needs'] if not places.get(n)]
    if missing: return 'needs '+', '.join(f'--{n} {"PYTHON" if n=="old" else "DIR"}' for n in dict.fromkeys(missing))
    if entry.get('device')=='cuda':
        import torch
        if not torch.cuda.is_available(): return 'needs a GPU'
    return 'has no command' if 'command' not in entry else None

def run_entry(name, store, places, out):
    "Make an entry, after the data folders that it needs; its state, and what changed"
    entry,steps = store['entries'][name],store['steps']
    if why := lacking(entry, places, steps): return f'not run: {why}',[]
    for step in (n for n in entry.get('needs', []) if n in steps):
        if why := made(step, steps[step]['command'], out/step, places, fresh=places[step]): return f'{step}: {why}',[]
    print(f'{time.strftime("%H:%M:%S")} {name}', flush=True)
    if why := made(name, entry['command'], out/name, {**places, 'out':out/name}): return why,[]
    found = list(changes(entry, measured(entry, out/name)))
    return f'{len(found)} of {len(expected(entry))} numbers changed',found

def write_report(rows, store, path):
    "What was made, and what changed, with the pages to edit"
    lines = [f'# Results, {time.strftime("%Y-%m-%d")}', '', '| entry | state |', '| --- | --- |',
             *(f'| {n} | {state} |' for n,state,_ in rows)]
    for name,_,found in (r for r in rows if r[2]):
        lines += ['', f'## {name}', '', 'Printed in '+', '.join(pages(store['entries'][name])), '', *(f'- {c}' for c in found)]
    with atomic_path(path) as tmp: tmp.write_text('\n'.join(lines)+'\n', encoding='utf-8')
    return '\n'.join(lines)

def run(store, names, places, out):
    "Make entries one after another, and report; whether all that ran succeeded"
    places = {**places, **{s:out/s/'data' for s in store['steps']}}
    rows = [(n, *run_entry(n, store, places, out)) for n in names]
    print(write_report(rows, store, out/'report.md'))
    return not any('failed' in state for _,state,_ in rows)

# pages

def pages(entry):
    "The pages that print an entry's numbers"
    return [*entry.get('printed', {}), *entry.get('pictures', {}).values(), *([entry['stored']] if 'stored' in entry else [])]

def plain(text):
    "A text as it is compared: one kind of space, .5 for 0.5, 5% for 5 %"
    return re.sub(r'(?<![\d.])0\.(?=\d)', '.', re.sub(r'(\d) %', r'\1%', re.sub(r'\s+', ' ', text)))

def page_text(path, prose=False):
    "The text of a page; of its prose alone, without code and addresses"
    path = ROOT/path
    text = path.read_text(encoding='utf-8')
    if path.suffix=='.ipynb':
        import nbformat
        cells = nbformat.reads(text, as_version=4).cells
        text = '\n\n'.join(c.source for c in cells if c.cell_type=='markdown' or not prose)
    if prose: text = re.sub(r'```.*?```|^    .*?$|`[^`\n]*`|\]\([^)]*\)', ' ', text, flags=re.M|re.S)
    return plain(text)

def filled(claim, numbers, row=None, label=None):
    "A sentence with its numbers: {name:.0%}, where a name without a dot may be a column of the row"
    def put(m):
        if m[1]=='row': return label or row
        value = numbers.get(f'{row}.{m[1]}', numbers.get(m[1]))
        if value is None: raise ValueError(f'{claim}: expected a name of a number, found {m[1]}')
        return format(value, m[2] or 'g')
    return plain(re.sub(r'\{([^{}:]+)(?::([^{}]*))?\}', put, claim))

def claims(entry):
    "The sentences that pages must have: pairs of page and text"
    numbers = expected(entry)
    for page,texts in entry.get('printed', {}).items():
        for claim in texts:
            rows = [*entry['numbers']] if re.search(r'\{(row|%s)[}:]' % '|'.join(entry.get('columns', ['row'])), claim) else [None]
            for row in rows: yield page,filled(claim, numbers, row, entry.get('labels', {}).get(row))

RESULT = re.compile(r'(?<![\w.,/-])(?:\d+(?:\.\d+)?%|\.\d+(?!\w|\.\d)|\d+(?:\.\d+)? times\b)') # a share, or how many times as much

def unlisted(page, sentences, other):
    "Numbers in the prose of a page that look like results and are in no sentence of the list"
    text = page_text(page, prose=True)
    for known in sorted({plain(s) for s in (*sentences, *other)}, key=len, reverse=True): text = text.replace(known, ' ')
    return [f'{page}: {m[0]} is in no sentence of {STORE.name}: "{text[max(0, m.start()-40):m.end()+20]}"' for m in RESULT.finditer(text)]

def check_pages(store):
    "What the pages print otherwise than the list, as texts"
    said,found = {},[]
    for name,entry in store['entries'].items():
        for page,text in claims(entry):
            said.setdefault(page, []).append(text)
            if not (ROOT/page).exists(): found.append(f'{name}: {page} does not exist')
            elif text not in page_text(page): found.append(f'{name}: {page} does not say "{text}"')
    guarded = ['README.md', *(str(p.relative_to(ROOT)) for p in sorted((ROOT/'nbs'/'guide').glob('*.ipynb')))]
    for page in (p for p in guarded if p not in store['sources']):
        found += unlisted(page, said.get(page, []), store['other'].get(page, [])+store['other']['anywhere'])
    return found

# what can be made again without data

def card_again(name='everyday-11'):
    "The card of the bundled weights from what is kept of its making; only the sentence on the final weights is taken over"
    from card import fill_card
    from labels import LEFT_OUT, RENAMED, read_labels
    from asl_nb.models.core import load_model_from_checkpoint
    from asl_nb.pretrained import read_card
    kept = ROOT/'nbs'/'results'/name
    found,model = pd.read_csv(kept/'answers.csv.gz'),load_model_from_checkpoint(name)
    signs = sorted({*found.sign[found.domain=='settled']})
    others,data,labels = found[found.domain=='others'],found[found.domain=='settled'],read_labels()
    labels = labels[labels.sign.isin(signs)]
    size = lambda key,t: {f'{key}_clips':t.path.nunique(), f'{key}_signers':t.participant_id.nunique(), f'{key}_glosses':t.sign.nunique()}
    runs = {*found.run}
    seeds = len({r.split('/')[0] for r in runs})
    figures = dict(name=name, model=model.sidecar['model_name'], n_signs=len(signs), signs=', '.join(signs), folds=len(runs)//seeds,
                   trainings='one training' if seeds==1 else f'{seeds} trainings', **size('data', data), **size('others', others),
                   looked_at=len(labels), left_out=labels.decision.isin(LEFT_OUT).sum(), renamed=labels.decision.isin(RENAMED).sum(),
                   weights=sum(p.numel() for p in model.parameters())/1000,
                   **{k:model.sidecar['calibration'][k] for k in ('temperature','threshold')},
                   final=re.search(r'^The final weights on .*$', read_card(name), re.M)[0])
    return fill_card(found, pd.read_csv(kept/'streams.csv', dtype=str).to_dict('records'), figures)

def check_cards():
    "What the cards say otherwise than the answers and episodes that are kept, as texts"
    from few_shot import tables
    from asl_nb.models.checkpoint import ASSETS
    from asl_nb.pretrained import read_card
    kept = ROOT/'nbs'/'results'/'backbone-1'
    few_shot,backbone = (kept/'few_shot.md').read_text(encoding='utf-8'),(ASSETS/'backbone'/'backbone-1.md').read_text(encoding='utf-8')
    found = [f'everyday-11.md: "{new}" is kept, "{old}" is printed' for new,old
             in zip_longest(card_again().splitlines(), read_card('everyday-11').splitlines()) if new!=old]
    again = table_numbers(tables(pd.read_csv(kept/'episodes.csv.gz'))) # to .01: episodes are kept with four digits
    found += [f'few_shot.md, {c}' for c in changes(dict(numbers=table_numbers(few_shot), tolerance=.01), again)]
    return found+([] if few_shot.strip() in backbone else ['backbone-1.md does not have the tables of few_shot.md'])

def example():
    "Print what the example of README.md answers"
    from asl_nb.predict import Recognizer
    from asl_nb.pretrained import load_prototypes
    print(Recognizer.from_pretrained('everyday-11').predict(load_prototypes()['hello'], top=3))

def check_entries(store, out):
    "What the entries that need no data give otherwise, as texts"
    found = []
    for name,entry in store['entries'].items():
        if not entry.get('quick'): continue
        state,changed = run_entry(name, store, {}, out)
        if 'failed' in state: found.append(f'{name}: {state}: {(out/name/"errors.txt").read_text()[-500:]}')
        found += [f'{name}: {c}' for c in changed]
    return found

def check_functions():
    "What the functions promise"
    assert column_names(['a', 'near: x', 'x', 'y', 'far: x', 'y'])==['a', 'near: x', 'x', 'y', 'far: x', 'far: y']
    table = ('| clips | kind | number | share |\n| --- | --- | --- | --- |\n'
             '| all | new | 1,200 | 0.50 (0.4 to 0.6) |\n| 10 | the same | - | .25 |\n')
    assert table_numbers(table)=={'all, new.number':1200, 'all, new.share':.5, '10, the same.share':.25}
    assert line_numbers('a  1.5 of 2\nb  3 of 4\n', [r'^(?P<row>\w) +(?P<x>[\d.]+) of'])=={'a.x':1.5, 'b.x':3}
    entry = dict(columns=['x'], numbers={'a':[1.5], 'b':[3]}, tolerance='10%', printed={'page':['{row} has {x:.1f}', 'all have {a.x:.0%}']})
    assert [c for _,c in claims(entry)]==['a has 1.5', 'b has 3.0', 'all have 150%']
    assert list(changes(entry, {'a.x':1.6, 'b.x':3.4}))==['b.x: 3 is printed, now 3.4 (tolerance 10%)']
    assert 'does not give it' in next(changes(entry, {'b.x':3}))
    assert plain('0.5 of\n 10.5 and 5 %')=='.5 of 10.5 and 5%'
    assert RESULT.findall(plain('86 % of .5, 3.11, 0.10.21, 80 times and .47.'))==['86%', '.5', '80 times', '.47']

def check(store):
    "Everything that needs no data; whether it fits"
    import tempfile
    check_functions()
    with tempfile.TemporaryDirectory() as folder: found = check_pages(store)+check_cards()+check_entries(store, Path(folder))
    for f in found: print(f)
    numbers = sum(len(expected(e)) for e in store['entries'].values())
    print(f'results: {len(store["entries"])} entries, {numbers} numbers; {len(found)} do not fit')
    return not found

def show_list(store):
    "Print the entries, and the data folders"
    for name,text in store['data'].items(): print(f'--{name}: {text}')
    for name,e in store['entries'].items():
        print(f'\n{name}: {e["title"]}')
        command = e.get('command', 'none')
        for c in [command] if isinstance(command, str) else command: print(f'    {"asl" if c.startswith("asl ") else "python"} {c.removeprefix("asl ")}')
        print(f'    data: {", ".join(e.get("needs", [])) or "none"}; {len(expected(e))} numbers; printed in {", ".join(pages(e)) or "the guide only"}')
    print('\nprinted without a script:')
    for page,texts in store['without_script'].items(): print(*(f'    {page}: {t}' for t in texts), sep='\n')

def main():
    store = read_store()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', type=Path, help='a folder of data folders with the names below')
    for name,text in store['data'].items(): parser.add_argument(f'--{name}', type=Path, help=text)
    parser.add_argument('--only', nargs='+', metavar='NAME', help='entries; all if left out')
    parser.add_argument('--again', nargs='+', metavar='NAME', default=[], help='entries whose kept output is thrown away first')
    parser.add_argument('--out', type=Path, default=ROOT/'out'/'results')
    for flag,text in dict(list='show the entries', check='what needs no data, and the pages', example=argparse.SUPPRESS).items():
        parser.add_argument(f'--{flag}', action='store_true', help=text)
    args = parser.parse_args()
    if args.example: return example()
    if args.list: return show_list(store)
    if args.check: return int(not check(store))
    names = [*dict.fromkeys([*(args.only or ([] if args.again else store['entries'])), *args.again])]
    known = [*store['entries'], *store['steps']]
    for n in names:
        if n not in known: parser.error(f'expected names among {", ".join(known)}, found {n}')
    for n in args.again: shutil.rmtree(args.out/n, ignore_errors=True)
    inside = {n:args.data/n for n in store['data'] if args.data and (args.data/n).exists()}
    places = {**inside, **{n:v for n in store['data'] if (v := getattr(args, n))}}
    for n,p in places.items():
        if not p.exists(): parser.error(f'--{n}: expected what exists, found {p}')
    places = {n:p.absolute() for n,p in places.items()}
    return int(not run(store, [n for n in names if n in store['entries']], places, args.out.absolute()))

if __name__=='__main__': sys.exit(main())
