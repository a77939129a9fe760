// Phrases of bookish English, and what to write instead.

/** @type {readonly (readonly [pattern: RegExp, instead: string])[]} */
const LIST = [
  [/\b(?:sees|see|seeing|seen) to (?:it|them|that|this|the|its)\b/, 'does, starts, handles'],
  [/\bin earnest\b/, 'leave it out'],
  [/\b(?:is|are|was|were|be|been|being) told (?!apart)/, "gets, receives, is given; or say who tells whom"],
  [/\bthe way of\b/, 'the path of, how'],
  [/\bof (?:one's|your|our|its|their|the \w+'s) own\b/, 'own, custom, separate'],
  [/\blets? go\b/, 'drops, releases'],
  [/\ba good (?:third|half|quarter|fifth|tenth)\b/, 'the figure'],
  [/\bwhat it is told\b/, 'its input'],
  [/\banew\b/, 'again'],
  [/\bwhoever\b/, 'anybody who, if you'],
  [/\bin vain\b/, 'without success'],
  [/\bslip of the pen\b/, 'typing mistake'],
  [/\bfor ever\b/, 'without end, never ends'],
  [/\bbrings? about\b/, 'causes'],
  [/\bnone of ours\b/, 'not ours'],
  [/\bbut for\b/, 'except'],
  [/\bstands? above\b/, 'wins over, has priority over'],
  [/\bgoes by\b/, 'uses'],
  [/\bone after another\b/, 'in order'],
  [/\bso many\b/, 'that many, the number of'],
  [/\bhears? (?:of|nothing|from)\b/, 'is informed, receives'],
  [/\btells? of\b/, 'reports'],
  [/\bshould (?:it|they|that|the \w+) (?!be\b)\w+/, 'if it …'],
  [/\bin hand\b/, 'in use'],
  [/\b(?:Refused|Counted|Kept|Charged|Told|Asked|Shown|Made|Told of) (?:is|are)\b/, 'the subject first'],
  [/\bthereof|therein|whereby|wherein|hitherto|henceforth|lest\b/, 'plain words'],
];

/** What is found in a text, each with what to write instead. Comments that wrap are read as one line. */
export function phrasesIn(/** @type {string} */ text) {
  const line = text.replaceAll(/\n\s*(?:\*|\/\/)?\s*/g, ' ');
  return LIST.flatMap(([pattern, instead]) =>
    [...line.matchAll(new RegExp(pattern, 'gi'))].map(
      ({ 0: found, index }) =>
        `'${found}' in '…${line.slice(Math.max(0, index - 30), index + found.length + 20)}…': write ${instead}`,
    ),
  );
}
