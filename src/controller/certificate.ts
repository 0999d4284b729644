/**
 * Certificates of the webhook: each signs itself, so the certificate is also what the API server trusts
 * (`caBundle`), and no authority's key has to be kept.
 */
import 'reflect-metadata';
import { randomBytes, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { LIMITS } from '../catalogue/limits.ts';

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** Clocks of nodes differ; a certificate is good this long before it was made. */
const BACKDATED_MS = 86_400_000;
/** A certificate is replaced when this share of its life is over. */
const RENEWED_AFTER = 2 / 3;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const SERIAL_BYTES = 16;

/**
 * A new key and a certificate for `names`, host names or IP addresses, good for LIMITS.webhookCertificateMs from
 * `now` (milliseconds since the epoch).
 */
export async function issueCertificate(names: readonly string[], now: number): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=orbweaver-webhook',
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: new Date(now + LIMITS.webhookCertificateMs),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        names.map((value) => ({
          type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
          value,
        })),
      ),
    ],
  });
  const key = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: `${PemConverter.encode(key, 'PRIVATE KEY')}\n`,
  };
}

/** Positive, so that its first byte needs no zero in front. */
function serialNumber(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}

/** Whether a pair should be used no longer at `now`: unreadable, for other names, or near its end. */
export function isDue(pair: KeyPair, names: readonly string[], now: number): boolean {
  const certificate = readCertificate(pair.certificate);
  if (certificate === undefined || pair.key === '') {
    return true;
  }
  const isFor = (name: string) =>
    (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined;
  const begin = certificate.validFromDate.getTime();
  const end = certificate.validToDate.getTime();
  return !names.every(isFor) || now < begin || now >= begin + (end - begin) * RENEWED_AFTER;
}

/** Whether a certificate can be read and has not ended at `now`. */
export function isGood(certificate: string, now: number): boolean {
  const end = readCertificate(certificate)?.validToDate.getTime();
  return end !== undefined && now < end;
}

function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
