/** Folders of lib that the core must not know: each is an entry point of its own, with dependencies of its own. */
const EDGES = '^lib/(redis|terminus|testing)/';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circles',
      comment: 'Type-only imports count: a circle of types is a circle of ideas.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'contracts-import-nothing',
      comment: 'The vocabulary stands alone; a newcomer reads it first.',
      severity: 'error',
      from: { path: '^lib/contracts/' },
      to: { path: '^lib/', pathNot: '^lib/contracts/' },
    },
    {
      name: 'algorithms-are-pure',
      severity: 'error',
      from: { path: '^lib/algorithms/' },
      to: { pathNot: '^lib/(algorithms|contracts)/' },
    },
    {
      name: 'way-of-a-request',
      comment: 'decorators and guard -> policies -> backends -> breaker and algorithms, never back.',
      severity: 'error',
      from: { path: '^lib/(policies|backends|breaker|observe|algorithms)/' },
      to: { path: '^lib/(http/|rate-limit\\.module)' },
    },
    {
      name: 'inner-stages-know-no-outer-one',
      severity: 'error',
      from: { path: '^lib/(policies|breaker|observe)/' },
      to: { path: '^lib/backends/' },
    },
    {
      name: 'core-knows-no-edge',
      severity: 'error',
      from: { path: '^lib/', pathNot: EDGES },
      to: { path: [EDGES, 'node_modules/ioredis/', 'node_modules/@nestjs/terminus/'] },
    },
    {
      name: 'import-the-file-itself',
      comment: 'An index is for users of the package.',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^lib/.*index\\.ts$' },
    },
    {
      name: 'no-dead-file',
      severity: 'error',
      from: { path: '^lib/.*index\\.ts$' },
      to: { path: '^lib/', pathNot: 'index\\.ts$', reachable: false },
    },
    {
      name: 'lib-needs-declared-peers-only',
      severity: 'error',
      from: { path: '^lib/' },
      to: { dependencyTypesNot: ['local', 'core', 'npm', 'npm-peer', 'npm-optional'], path: 'node_modules' },
    },
    {
      name: 'no-unknown-import',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
    },
  },
};
