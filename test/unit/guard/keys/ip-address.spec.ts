import { canonicalAddress } from '../../../../lib/guard/keys/ip-address.js';

const FULL = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';

describe('the canonical form of an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['192.0.2.1:4', '192.0.2.1'],
    ['[2001:db8::1]', '2001:db8::1/128'],
    ['[2001:db8::1]:4711', '2001:db8::1/128'],
    ['2001:db8::1', '2001:db8::1/128'],
    ['fe80::1%eth0', 'fe80::1/128'],
    ['FE80::ABCD%1', 'fe80::abcd/128'],
  ])('of %s is %s', (text, canonical) => {
    expect(canonicalAddress(text, 128)).toBe(canonical);
  });

  it.each([
    '',
    'localhost',
    '192.0.2',
    '192.0.2.256',
    ' 192.0.2.1',
    '192.0.2.1 ',
    '192.0.2.1:',
    '192.0.2.1:x',
    '192.0.2.1:80x',
    'x192.0.2.1:80',
    ':192.0.2.1:80',
    '192.0.2.1:80:80',
    '2001:db8',
    '2001:db8::1::2',
    '[2001:db8::1',
    '2001:db8::1]',
    '[2001:db8::1]80',
    '[2001:db8::1]:',
    '[2001:db8::1]:x',
    '[2001:db8::1]:80x',
    'x[2001:db8::1]:80',
    '[]',
  ])('is none of %j', (text) => {
    expect(canonicalAddress(text, 64)).toBeUndefined();
  });

  it.each([
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['2001:0DB8::00FF', '2001:db8::ff'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['1:2:3:0:5:6:7:8', '1:2:3:0:5:6:7:8'],
    ['1:0:0:4:5:6:7:8', '1::4:5:6:7:8'],
    ['1:0:0:4:0:0:0:8', '1:0:0:4::8'],
    ['1:0:0:0:5:0:0:8', '1::5:0:0:8'],
    ['1:0:0:4:5:0:0:8', '1::4:5:0:0:8'],
    ['1:2:3:4:5:6:0:0', '1:2:3:4:5:6::'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('writes %s as %s, as RFC 5952 demands', (text, written) => {
    expect(canonicalAddress(text, 128)).toBe(`${written}/128`);
  });

  it.each([
    [1, '8000::/1'],
    [15, 'fffe::/15'],
    [16, 'ffff::/16'],
    [17, 'ffff:8000::/17'],
    [32, 'ffff:ffff::/32'],
    [56, 'ffff:ffff:ffff:ff00::/56'],
    [63, 'ffff:ffff:ffff:fffe::/63'],
    [64, 'ffff:ffff:ffff:ffff::/64'],
    [65, 'ffff:ffff:ffff:ffff:8000::/65'],
    [127, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127'],
    [128, `${FULL}/128`],
  ])('by %d bits is that of the network', (bits, network) => {
    expect(canonicalAddress(FULL, bits)).toBe(network);
  });

  it.each([
    ['::ffff:192.0.2.33', '192.0.2.33'],
    ['::ffff:c000:221', '192.0.2.33'],
    ['0:0:0:0:0:FFFF:C000:0221', '192.0.2.33'],
    ['[::ffff:192.0.2.33]:443', '192.0.2.33'],
    ['::ffff:0.0.0.0', '0.0.0.0'],
    ['::ffff:255.254.253.252', '255.254.253.252'],
  ])('of %s, which is mapped, is the IPv4 address %s, whatever the prefix', (text, address) => {
    expect(canonicalAddress(text, 128)).toBe(address);
    expect(canonicalAddress(text, 32)).toBe(address);
  });

  it.each([
    ['::192.0.2.33', '::c000:221'],
    ['::fffe:192.0.2.33', '::fffe:c000:221'],
    ['::ffff:0:192.0.2.33', '::ffff:0:c000:221'],
    ['1::ffff:192.0.2.33', '1::ffff:c000:221'],
    ['::1:ffff:192.0.2.33', '::1:ffff:c000:221'],
  ])('of %s, which only resembles a mapped one, is %s', (text, address) => {
    expect(canonicalAddress(text, 128)).toBe(`${address}/128`);
  });
});
