import { useData } from 'vitepress';
import DefaultTheme from 'vitepress/theme';
import { defineComponent, h, onMounted, ref } from 'vue';

/** A diagram of Mermaid, drawn in the browser. Without scripts its source is shown. */
const Diagram = defineComponent({
  props: { code: { type: String, required: true } },
  setup({ code }) {
    const text = decodeURIComponent(code);
    const svg = ref('');
    const { isDark } = useData();
    onMounted(async () => {
      const { default: mermaid } = await import('mermaid');
      mermaid.initialize({ startOnLoad: false, theme: isDark.value ? 'dark' : 'default' });
      const id = `diagram-${Math.random().toString(36).slice(2)}`;
      svg.value = (await mermaid.render(id, text)).svg;
    });
    return () => (svg.value === '' ? h('pre', text) : h('div', { innerHTML: svg.value }));
  },
});

/** @type {import('vitepress').Theme} */
export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('Diagram', Diagram);
  },
};
