/** Folders of lib that the core must not know: each is an entry point of its own, with dependencies of its own. */
const OPTIONAL = '^lib/(backends/(?!memory/|file/)[^/]+|integrations/[^/]+|testing)/';

/** Sources of the dashboard's page: a script bundles them, with what they import, into a module. */
const PAGE = '^lib/integrations/dashboard/page/(?!page\\.generated)';

/** The command line: a script bundles it with the libraries that only it needs. It asks every store. */
const COMMAND_LINE = '^lib/integrations/cli/';

/** The stages of a request's way, outermost first: a stage may import those after it and none before. */
const STAGES = [
  'guard',
  'transports',
  'limiter',
  'fleet',
  'breaker',
  'backends',
  'policies',
  'algorithms',
  'contracts',
];

/** No stage may import an earlier one. `observe` stands beside the way: every stage from the limiter up may emit to it. */
const noWayBack = STAGES.slice(1).map((stage, index) => ({
  name: `${stage}-knows-no-outer-stage`,
  severity: /** @type {const} */ ('error'),
  from: { path: `^lib/${stage}/` },
  to: { path: `^lib/(${STAGES.slice(0, index + 1).join('|')}|integrations|rate-limit\\.module)` },
}));

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
    ...noWayBack,
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
      name: 'events-know-contracts-only',
      severity: 'error',
      from: { path: '^lib/observe/' },
      to: { path: '^lib/', pathNot: '^lib/(observe|contracts)/' },
    },
    {
      name: 'trials-know-policies-and-algorithms-only',
      comment: 'What policies would refuse is computed, for the command line and the dashboard alike.',
      severity: 'error',
      from: { path: '^lib/simulate/' },
      to: { path: '^lib/', pathNot: '^lib/(simulate|policies|algorithms|contracts)/' },
    },
    {
      name: 'limiter-knows-no-store-but-memory',
      severity: 'error',
      from: { path: '^lib/limiter/' },
      to: { path: '^lib/backends/(?!memory/)' },
    },
    {
      name: 'the-way-knows-no-fleet',
      comment: 'Sharing of breakers stands beside the way of a request: the module ties it to the registry.',
      severity: 'error',
      from: { path: '^lib/(guard|transports|limiter|integrations|backends)/' },
      to: { path: '^lib/fleet/' },
    },
    {
      name: 'fleet-knows-no-store',
      severity: 'error',
      from: { path: '^lib/fleet/' },
      to: { path: '^lib/(backends|observe|algorithms)/' },
    },
    {
      name: 'backends-know-no-breaker',
      comment: 'A store is asked through a breaker; it does not ask for one.',
      severity: 'error',
      from: { path: '^lib/backends/' },
      to: { path: '^lib/(breaker|observe)/' },
    },
    {
      name: 'a-transport-knows-none-but-http',
      comment: 'HTTP carries operations of GraphQL, and the request that opens a socket.',
      severity: 'error',
      from: { path: '^lib/transports/([^/]+)/' },
      to: { path: '^lib/transports/[^/]+/', pathNot: '^lib/transports/($1|http)/' },
    },
    {
      name: 'an-optional-entry-knows-no-other',
      severity: 'error',
      from: { path: '^lib/(backends|integrations)/([^/]+)/', pathNot: COMMAND_LINE },
      to: { path: '^lib/(backends/(?!memory/|file/)[^/]+|integrations/[^/]+)/', pathNot: '^lib/$1/$2/' },
    },
    {
      name: 'core-knows-no-optional-entry',
      severity: 'error',
      from: { path: '^lib/', pathNot: OPTIONAL },
      to: { path: [OPTIONAL, 'node_modules/(?!@nestjs/(common|core)/|reflect-metadata/|rxjs/|yaml/|@types/node/)'] },
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
      from: { path: ['^lib/.*index\\.ts$', `${COMMAND_LINE}main\\.ts$`] },
      to: { path: '^lib/', pathNot: ['index\\.ts$', PAGE, COMMAND_LINE], reachable: false },
    },
    {
      name: 'lib-needs-declared-peers-only',
      severity: 'error',
      from: { path: '^lib/', pathNot: [PAGE, COMMAND_LINE] },
      to: { dependencyTypesNot: ['local', 'core', 'npm', 'npm-peer', 'npm-optional'], path: 'node_modules' },
    },
    {
      name: 'the-command-line-stands-alone',
      comment: 'It is bundled and no entry point: what the package exports must not lead to it.',
      severity: 'error',
      from: { path: '^lib/', pathNot: COMMAND_LINE },
      to: { path: COMMAND_LINE },
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
