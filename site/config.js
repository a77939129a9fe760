import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sidebar } from './sidebar.js';

/** Seen from `.site/.vitepress`, where `npm run docs:build` puts this folder. */
const decisions = fileURLToPath(new URL('../decisions/', import.meta.url));

/** @type {import('vitepress').UserConfig<import('vitepress').DefaultTheme.Config>} */
const config = {
  title: 'nestjs-floodgate',
  description: 'Rate limits and circuit breakers for NestJS that keep working when their store does not.',
  lang: 'en',
  cleanUrls: true,
  // A link that leads nowhere fails the build; those to a local server are examples.
  ignoreDeadLinks: [/^https?:\/\/localhost/],
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Start', link: '/start' },
      { text: 'Recipes', link: '/recipes' },
      { text: 'Reference', link: '/reference/' },
      { text: 'Changes', link: '/changelog' },
    ],
    sidebar: sidebar(readdirSync(decisions)),
  },
  markdown: {
    config(md) {
      const { fence } = md.renderer.rules;
      md.renderer.rules.fence = (tokens, index, options, env, self) => {
        const token = tokens[index];
        if (token?.info.trim() !== 'mermaid') return fence?.(tokens, index, options, env, self) ?? '';
        return `<Diagram code="${encodeURIComponent(token.content)}" />`;
      };
    },
  },
  // Mermaid is large, and loaded by pages with a diagram alone.
  vite: { build: { chunkSizeWarningLimit: 3_000 } },
};

export default config;
