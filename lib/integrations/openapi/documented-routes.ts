import { type INestApplicationContext, RequestMethod, type Type } from '@nestjs/common';
import { METHOD_METADATA, MODULE_PATH, PATH_METADATA, VERSION_METADATA } from '@nestjs/common/constants.js';
import { ApplicationConfig, MetadataScanner, ModulesContainer } from '@nestjs/core';
import { RoutePathFactory } from '@nestjs/core/router/route-path-factory.js';
import type { Route } from '../../guard/route-plan.js';

/** A route, and where it may stand in an OpenAPI document. */
export interface DocumentedRoute {
  readonly route: Route;
  /** Under the global prefix and without it: a document may leave it out. */
  readonly paths: readonly string[];
  /** `get`, `post`, …; empty: all methods. */
  readonly method: string;
}

type Handler = Route['handler'];
type RouteMetadata = Parameters<RoutePathFactory['create']>[0];

/** Every HTTP route of an application, at the paths that Nest itself gives it. */
export function documentedRoutes(app: INestApplicationContext): readonly DocumentedRoute[] {
  const modules = app.get(ModulesContainer);
  const paths = new RoutePaths(app.get(ApplicationConfig));
  return [...modules.values()].flatMap(({ metatype: module, controllers }) => {
    const modulePath = metadataOf(MODULE_PATH + modules.applicationId, module) ?? metadataOf(MODULE_PATH, module);
    return [...controllers.values()].flatMap(({ metatype: type }) =>
      typeof type === 'function' ? handlersOf(type as Type).map((handler) => paths.of(type, handler, modulePath)) : [],
    );
  });
}

/** The methods of a controller that serve a route. */
function handlersOf(type: Type): readonly Handler[] {
  const prototype = type.prototype as Record<string, Handler>;
  return new MetadataScanner()
    .getAllMethodNames(prototype)
    .flatMap((name) => prototype[name] ?? [])
    .filter((handler) => metadataOf(PATH_METADATA, handler) !== undefined);
}

/** Makes the paths of routes by the settings of an application. */
class RoutePaths {
  private readonly factory: RoutePathFactory;

  constructor(private readonly config: ApplicationConfig) {
    this.factory = new RoutePathFactory(config);
  }

  of(type: object, handler: Handler, modulePath: unknown): DocumentedRoute {
    const method = (metadataOf(METHOD_METADATA, handler) as RequestMethod | undefined) ?? RequestMethod.GET;
    const versioningOptions = this.config.getVersioning();
    const metadata = {
      modulePath,
      ctrlPath: metadataOf(PATH_METADATA, type),
      methodPath: metadataOf(PATH_METADATA, handler),
      methodVersion: metadataOf(VERSION_METADATA, handler),
      controllerVersion: metadataOf(VERSION_METADATA, type) ?? versioningOptions?.defaultVersion,
      versioningOptions,
    };
    const under = (globalPrefix: string): readonly string[] =>
      this.factory.create({ ...metadata, globalPrefix } as RouteMetadata, method);
    return {
      route: { type: type as Type, handler },
      paths: [...under(slashed(this.config.getGlobalPrefix())), ...under('')].map(asTemplate),
      method: method === RequestMethod.ALL ? '' : RequestMethod[method].toLowerCase(),
    };
  }
}

const metadataOf = (key: string, carrier: object): unknown => Reflect.getMetadata(key, carrier);

const slashed = (prefix: string): string => (prefix === '' || prefix.startsWith('/') ? prefix : `/${prefix}`);

/** A path with parameters as OpenAPI writes them. */
const asTemplate = (path: string): string => path.replaceAll(/[:*](\w+)/g, '{$1}');
