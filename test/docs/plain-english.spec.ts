import { phrasesIn } from '../../scripts/plain-english.mjs';

it.each([
  ['a phrase of the list, with what to write instead', 'It sees to it.', "'sees to it' in '…It sees to it.…': write"],
  ['one that a comment wraps', '/**\n * The caller is\n * told of it.\n */', "'is told' in"],
  ['an inversion at the start of a sentence', 'It counts. Refused is what is over.', "'Refused is what' in"],
])('finds %s', (_what, text, expected) => {
  expect(phrasesIn(text)).toEqual([expect.stringContaining(expected)]);
});

it.each(['Errors are told apart by their code.', 'Renew the data.', 'A call that is refused is not charged.'])(
  'accepts plain English: %s',
  (text) => {
    expect(phrasesIn(text)).toEqual([]);
  },
);
