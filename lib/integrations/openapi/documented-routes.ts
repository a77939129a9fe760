import { type INestApplicationContext, RequestMethod, type Type } from '@nestjs/common';
import { MODULE_PATH, PATH_METADATA, METHOD_METADATA, VERSION_METADATA } from '@nestjs/common/constants.js';
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
type Version = Parameters<RoutePathFactory['create']>[0]['methodVersion'];

/** Every HTTP route of an application, by the rules by which Nest itself makes its paths. */
export function documentedRoutes(app: INestApplicationContext): readonly DocumentedRoute[] {
  const modules = app.get(ModulesContainer);
  const config = app.get(ApplicationConfig);
  const factory = new RoutePathFactory(config);
  const scanner = new MetadataScanner();
  return [...modules.values()].flatMap(({ metatype, controllers }) =>
    [...controllers.values()].flatMap(({ metatype: type }) => {
      if (typeof type !== 'function') return [];
      const prototype = type.prototype as Record<string, Handler>;
      return scanner.getAllMethodNames(prototype).flatMap((name) => {
        const handler = prototype[name] as Handler;
        const methodPath = metadataOf<string | string[]>(PATH_METADATA, handler);
        if (methodPath === undefined) return [];
        const method = metadataOf<RequestMethod>(METHOD_METADATA, handler) ?? RequestMethod.GET;
        const pathsUnder = (globalPrefix: string): string[] =>
          factory.create(
            {
              methodPath,
              modulePath: modulePathOf(metatype, modules.applicationId),
              ctrlPath: metadataOf<string | string[]>(PATH_METADATA, type) ?? '',
              globalPrefix,
              ...defined('methodVersion', metadataOf<Version>(VERSION_METADATA, handler)),
              ...defined('controllerVersion', versionOf(type, config)),
              ...defined('versioningOptions', config.getVersioning()),
            } as Parameters<RoutePathFactory['create']>[0],
            method,
          );
        const paths = [...pathsUnder(slashed(config.getGlobalPrefix())), ...pathsUnder('')].map(asTemplate);
        return [
          {
            route: { type: type as Type, handler },
            paths,
            method: method === RequestMethod.ALL ? '' : RequestMethod[method].toLowerCase(),
          },
        ];
      });
    }),
  );
}

function metadataOf<T>(key: string, carrier: object): T | undefined {
  return Reflect.getMetadata(key, carrier) as T | undefined;
}

const defined = <K extends string, T>(key: K, value: T | undefined): object =>
  value === undefined ? {} : { [key]: value };

/** Where `RouterModule` put a module. */
const modulePathOf = (module: object, applicationId: string): string =>
  metadataOf<string>(MODULE_PATH + applicationId, module) ?? metadataOf<string>(MODULE_PATH, module) ?? '';

function versionOf(type: object, config: ApplicationConfig): Version {
  return metadataOf<Version>(VERSION_METADATA, type) ?? (config.getVersioning()?.defaultVersion as Version);
}

const slashed = (prefix: string): string => (prefix === '' || prefix.startsWith('/') ? prefix : `/${prefix}`);

/** A path with parameters as OpenAPI writes them. */
const asTemplate = (path: string): string => path.replaceAll(/[:*](\w+)/g, '{$1}');
