/** Page by page, as the sidebar of the site shows them. @type {readonly (readonly [string, Record<string, string>])[]} */
const SECTIONS = [
  [
    'Guides',
    {
      Start: 'start',
      'How it works': 'how-it-works',
      'Limits and policies': 'policies',
      Keys: 'keys',
      Algorithms: 'algorithms',
      Concurrency: 'concurrency',
      'Charge by outcome': 'charge-by-outcome',
      'Failure modes': 'failure-modes',
      'Circuit breakers': 'circuit-breaker',
      'State of breakers': 'breaker-state',
      BackendService: 'backend-service',
      'Wait instead of refusing': 'waiting',
      'Change limits at run time': 'change-limits-at-run-time',
      Transports: 'transports',
      'At scale': 'at-scale',
      Performance: 'performance',
      Testing: 'testing',
      'Anti-patterns': 'anti-patterns',
    },
  ],
  [
    'Stores',
    {
      'Which store?': 'which-store',
      Redis: 'redis',
      'Fewer calls to Redis': 'amortised',
      PostgreSQL: 'postgres',
      DynamoDB: 'dynamodb',
      'For @nestjs/throttler': 'throttler',
    },
  ],
  [
    'Seen',
    {
      Observability: 'observability',
      'Live page': 'dashboard',
      'Command line': 'command-line',
      Alerts: 'alerts',
      Health: 'health',
      Headers: 'headers',
    },
  ],
  [
    'Look up',
    {
      Recipes: 'recipes',
      Options: 'options',
      Benchmarks: 'benchmarks',
      Profiles: 'profiles',
      Reference: 'reference/',
      'All pages': 'pages',
      'Versions and dependencies': 'support',
      'Sample application': 'sample-app',
    },
  ],
  [
    'Migrate',
    {
      '@nestjs/throttler': 'coming-from-throttler',
      'express-rate-limit': 'coming-from-express-rate-limit',
      'rate-limiter-flexible': 'coming-from-rate-limiter-flexible',
      opossum: 'coming-from-other-breakers#opossum',
      cockatiel: 'coming-from-other-breakers#cockatiel',
      resilience4j: 'coming-from-other-breakers#resilience4j',
      'django-smart-ratelimit': 'coming-from-django-smart-ratelimit',
      Protego: 'coming-from-other-breakers#protego',
      'zae-limiter': 'coming-from-zae-limiter',
      'Spring Cloud Gateway': 'coming-from-spring-cloud-gateway',
    },
  ],
  [
    'Extend and contribute',
    {
      'Write a backend': 'write-a-backend',
      'Write a transport': 'write-a-transport',
      'How it is tested': 'how-it-is-tested',
      Contributing: 'contributing',
      Security: 'security',
      Changes: 'changelog',
    },
  ],
];

/** @param {readonly string[]} decisions file names */
export function sidebar(decisions) {
  const title = (/** @type {string} */ file) => file.replace('.md', '').replaceAll('-', ' ');
  const records = Object.fromEntries(decisions.map((file) => [title(file), `decisions/${file.replace('.md', '')}`]));
  return [...SECTIONS, /** @type {const} */ (['Decisions', records])].map(([text, pages]) => ({
    text,
    collapsed: text === 'Migrate' || text === 'Decisions',
    items: Object.entries(pages).map(([name, link]) => ({ text: name, link: `/${link}` })),
  }));
}
