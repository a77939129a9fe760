import { type CodeBlock, blocksOf, PAGES, typescriptOf } from './markdown.js';
import { typeErrorsOf } from './type-checker.js';

describe('code blocks of the pages', () => {
  it('hold no type error', () => {
    const blocks = PAGES.flatMap(typescriptOf);
    expect(blocks.length).toBeGreaterThan(10);
    expect(typeErrorsOf(blocks)).toEqual([]);
  });

  it('bear a name that is their own on their page, if any', () => {
    const names = PAGES.flatMap(typescriptOf).flatMap(({ page, fileName }) =>
      fileName ? [`${page} ${fileName}`] : [],
    );
    expect(names).toEqual([...new Set(names)]);
  });

  it('that are JSON can be read as such', () => {
    for (const { text } of PAGES.flatMap(blocksOf).filter(({ language }) => language === 'json')) {
      expect(() => JSON.parse(text) as unknown).not.toThrow();
    }
  });

  it('are found out when they are wrong', () => {
    const wrong = (text: string): CodeBlock => ({
      page: 'README.md',
      line: 10,
      language: 'ts',
      fileName: undefined,
      text,
    });
    const text = "import { RateLimitModule } from 'nestjs-floodgate';\nRateLimitModule.forRoot({ timeouts: 5 });\n";
    expect(typeErrorsOf([wrong(text)])).toEqual([expect.stringMatching(/^README\.md:11: .*timeouts/)]);
  });
});
