"""The card of bundled weights: `card.md` with figures and tables of what the models of the folds answered."""
from pathlib import Path

import numpy as np
from recipe import measures
from stream import summary

from asl_nb.config import Config
from asl_nb.metrics import accepted, bootstrap_interval, expected_calibration_error
from asl_nb.pretrained import LICENSE

TEMPLATE = Path(__file__).with_name('card.md')
NO_SIGN = Config.NO_SIGN
FEW = 5 # named clips below which a signer says nothing of calibration

def interval(values, signers):
    "A mean with its interval over signers, as text"
    low,high = bootstrap_interval(values, signers, np.random.default_rng(0))
    return f'{np.mean(values):.3f} ({low:.3f} to {high:.3f})'

def markdown(rows):
    "A table of the card; rows are dictionaries of texts"
    line = lambda cells: '| '+' | '.join(cells)+' |'
    return '\n'.join([line(rows[0]), line(['---']*len(rows[0])), *(line(r.values()) for r in rows)])

def accuracy_rows(found):
    "Settled and all clips side by side"
    for domain,name in dict(settled='settled', all='all, labels as given').items():
        clips = found[found.domain==domain]
        if not len(clips): continue
        one = clips.groupby(['path','sign','participant_id']).right.mean().reset_index()
        cells = [f'{m:.3f} ({low:.3f} to {high:.3f})' for m,low,high in measures(one.right, one)]
        yield {'clips':name, 'number':str(len(one)), 'signers':str(one.participant_id.nunique()),
               **dict(zip(['top-1','mean over signs','mean over signers'], cells))}

def sign_rows(found):
    "Recall of each sign"
    for sign,clips in found[found.domain=='settled'].groupby('sign'):
        cell = lambda column: interval(clips[column], clips.participant_id)
        yield dict(sign=sign, recall=cell('right'), named=cell('named'), clips=str(clips.path.nunique()),
                   signers=str(clips.participant_id.nunique()))

def outcome_rows(found):
    "What is answered to clips of the signs"
    names = dict(settled='settled clips', all='all clips', dictionary='dictionary clips')
    for domain,name in names.items():
        clips = found[(found.domain==domain) & (found.kind=='sign')]
        if not len(clips): continue
        none = clips.answer==NO_SIGN
        shares = dict(right=clips.named, wrong=~clips.named & ~none, none=none)
        error = expected_calibration_error(clips.score, clips.right)
        yield {'clips of the signs':name, **dict(zip(['rightly named','wrongly named','no sign'],
               [interval(s, clips.participant_id) for s in shares.values()])), 'ECE':f'{error:.3f}'}

GROUPS = {'other signs, webcam, glosses that training saw':('others','seen'),
          'other signs, webcam, glosses it did not see':('others','new'),
          'sitting still, webcam':('others','still'), 'other signs, dictionary':('dictionary','other')}

def acceptance_rows(found):
    "What is accepted of other signs, at the thresholds of the folds and at those that accept shares of the right answers"
    known,words = found[found.domain=='settled'],found[(found.domain=='dictionary') & (found.kind=='sign')]
    others = {name:found[(found.domain==d) & (found.kind==k)] for name,(d,k) in GROUPS.items()}
    right = {'rightly named: webcam':known, 'rightly named: dictionary':words}
    for name,some in {**others, **right}.items():
        if not len(some): continue
        counts = some.right if name in right else True
        shares = {f'{s:.0%} of right':(counts & (some.score>=t)).mean()
                  for s,t in accepted(known.score, known.right, [0.]).threshold.items()}
        named = some.named if name in right else some.answer!=NO_SIGN
        yield {'clips':name, 'number':str(some.path.nunique()), 'at the threshold':interval(named, some.participant_id),
               **{k:f'{v:.3f}' for k,v in shares.items()}}

def signer_figures(found):
    "Calibration with other signs among the clips, and how it differs between signers"
    clips = found[found.domain=='settled']
    over = (clips.score-clips.right).groupby(clips.participant_id).mean()
    mixed = found[(found.domain=='settled') | (found.domain=='others') & (found.kind=='new')]
    given = clips[clips.answer!=NO_SIGN].groupby('participant_id').named.agg(['mean','size'])
    given = given[given['size']>=FEW]['mean']
    return dict(mixed_error=expected_calibration_error(mixed.score, mixed.right),
                over_mean=over.mean(), over_low=over.quantile(.1), over_high=over.quantile(.9), over_signers=len(over),
                given_mean=given.mean(), given_low=given.quantile(.1), given_signers=len(given))

def stream_rows(streams):
    "Streams by kind of pause, with events after and during a sign"
    for live,rows in streams.groupby('live'):
        for pauses,r in summary(rows).iterrows():
            yield {'pauses':pauses, 'events':'while a sign lasts' if live else 'after a sign', 'recall':f'{r.recall:.2f}',
                   'alone':f'{r.alone:.2f}', 'false alarms per minute':f'{r.false_alarms_a_minute:.1f}',
                   'median delay':f'{r.delay:.2f} s'}

def fill_card(found, streams, figures):
    "The text of the card, for answers, rows of the table of streams, and other figures"
    rows = dict(accuracy=accuracy_rows(found), by_sign=sign_rows(found), outcomes=outcome_rows(found),
                others=acceptance_rows(found), streams=streams)
    terms = LICENSE[LICENSE.index('they are given'):].capitalize()
    return TEMPLATE.read_text().format(**figures, **signer_figures(found), few=FEW, license=terms,
                                       **{f'{k}_table':markdown([*v]) for k,v in rows.items()})
