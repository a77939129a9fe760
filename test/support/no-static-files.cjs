/** In place of @fastify/static, which Jest cannot load below Node 24.9: Mercurius serves its GraphiQL page by it. */
module.exports = () => Promise.resolve();
