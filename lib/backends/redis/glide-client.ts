/**
 * The part of a client that the backend uses. `GlideClient` and `GlideClusterClient` of @valkey/valkey-glide 2 have it.
 *
 * It is a separate type, so that it matches any version of the library.
 */
export interface GlideClient {
  customCommand(args: string[], options?: { readonly decoder?: number }): Promise<unknown>;
  invokeScript(...call: never[]): Promise<unknown>;
}

/** Whether this is a client of glide; the caller may not use TypeScript. */
export function isGlideClient(client: object): client is GlideClient {
  const { customCommand, invokeScript } = client as Partial<GlideClient>;
  return typeof customCommand === 'function' && typeof invokeScript === 'function';
}

/** Only a Cluster has channels in its slots. */
export const isGlideCluster = (client: GlideClient): boolean => 'pubsubShardChannels' in client;
