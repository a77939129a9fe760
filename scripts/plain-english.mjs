// Phrases of bookish English, and what to write instead.

/** @type {readonly (readonly [pattern: RegExp, instead: string])[]} */
const LIST = [
  [/\b(?:sees|see|seeing|seen) to (?:it|them|that|this|the|its)\b/gi, "'handles', 'starts', 'makes sure'"],
  [/\bin earnest\b/gi, 'nothing'],
  [/\b(?:is|are|was|were|be|been|being) told\b(?! apart)/gi, "'gets', 'receives', 'learns'; or who says it"],
  [/\bthe way of\b/gi, "'the path of', 'how'"],
  [/\bof (?:one's|your|our|somebody's) own\b/gi, "'your own …', 'custom'"],
  [/\blets? go\b/gi, "'releases', 'drops'"],
  [/\ba good (?:third|half|quarter|fifth|tenth)\b/gi, 'the figure'],
  [/\bwhat it is told\b/gi, "'its input'"],
  [/\banew\b/gi, "'again'"],
  [/\bwhoever\b/gi, "'a client that', 'if you'"],
  [/\bin vain\b/gi, "'without success', 'failed'"],
  [/\bslip of the pen\b/gi, "'typing mistake'"],
  [/\bfor ever\b/gi, "'never ends', 'without end'"],
  [/\bbrings? about\b/gi, "'causes'"],
  [/\bnone of ours\b/gi, "'not ours'"],
  [/\bbut for (?!all|each|every)/gi, "'except'"],
  [/\bstands? above\b/gi, "'overrides'"],
  [/\bgoes by\b/gi, "'uses'"],
  [/\bhears? of\b/gi, "'is informed', 'receives'"],
  [/\btells? of\b/gi, "'reports'"],
  [/\bin hand\b/gi, "'in use'"],
  [/\bas it likes\b/gi, "'any'"],
  [/\bmints?\b/gi, "'creates'"],
  [/\bfor want of\b/gi, "'because … is missing'"],
  [/\bno verdict\b/gi, "'does not count'"],
  [/\bhands? on\b/gi, "'passes on'"],
  [/\bfor so long\b/gi, "'for this time'"],
  [/\bby chance\b/gi, "'at random'"],
  [/\ball the same\b/gi, "'anyway', 'still'"],
  [/\btaken for\b|\btakes? \w+ for a\b/gi, "'treated as'"],
  // A clause without a noun: 'Who waits …', 'what hears …'.
  [/(?<=[.:;] )who (?:asks|waits|hangs|leaves|comes|gives|reads|has|is) (?!limited|it\?)/gi, 'a noun first'],
  [/\bshould (?:it|they|that|giving)\b [a-z]+/gi, "'if it …'"],
  // An inversion at the start of a sentence: 'Refused is what …'.
  [
    /(?<=[.:] )(?:Refused|Counted|Kept|Charged|Told|Asked|Shown|Made|Of this) (?:is|are) (?:what|who|the|a)\b/g,
    'the subject first',
  ],
  [/\b(?:thereof|therein|whereby|wherein|hitherto|henceforth|lest)\b/gi, 'plain words'],
];

/** What is found in a text, each with what to write instead. Comments that wrap are read as one line. */
export function phrasesIn(/** @type {string} */ text) {
  const line = text.replaceAll(/\n\s*(?:\*|\/\/)?\s*/g, ' ');
  return LIST.flatMap(([pattern, instead]) =>
    [...line.matchAll(pattern)].map(
      ({ 0: found, index }) =>
        `'${found}' in '…${line.slice(Math.max(0, index - 30), index + found.length + 20)}…': write ${instead}`,
    ),
  );
}
