import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { type CanActivate, type ExecutionContext, ForbiddenException, Injectable } from '@nestjs/common';

/** Headers by which proxies tell that they forward. */
const FORWARDED = /^(?:forwarded|via|x-forwarded-.*|x-real-ip|x-client-ip|true-client-ip|.*-connecting-ip)$/;

/**
 * Lets only this machine use the demo, and of the pages that it has open only the demo's own.
 *
 * The name in `Host` counts too: another site's name may resolve to this machine.
 */
@Injectable()
export class LoopbackGuard implements CanActivate {
  /** @throws ForbiddenException for everybody else */
  canActivate(context: ExecutionContext): boolean {
    const { headers, socket } = context.switchToHttp().getRequest<IncomingMessage>();
    if (!isLoopbackAddress(socket.remoteAddress) || !isLoopbackName(headers.host) || isForwarded(headers)) {
      throw new ForbiddenException('The demo can be used on this machine only.');
    }
    if (!isOwnPage(headers)) throw new ForbiddenException("Only the demo's own page can use it.");
    return true;
  }
}

const isLoopbackAddress = (address = ''): boolean => /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/.test(address);

const isLoopbackName = (host = ''): boolean => /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i.test(host);

const isForwarded = (headers: IncomingHttpHeaders): boolean =>
  Object.keys(headers).some((name) => FORWARDED.test(name));

/** Whether a request is of a page of this server, or of no browser. */
function isOwnPage({ host, origin, 'sec-fetch-site': site = 'none' }: IncomingHttpHeaders): boolean {
  if (site !== 'none' && site !== 'same-origin') return false;
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}
