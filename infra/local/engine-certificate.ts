/** The engine's certificate, made where there is none or it runs out soon. It knows no network and no engine. */
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const SPARE_VALIDITY_MS = 30 * 24 * 60 * 60 * 1000;

export interface Certificate {
  /** What clients trust. */
  readonly authority: string;
  readonly server: string;
  readonly key: string;
}

export function ensureCertificate(python: string, folder: string): Certificate {
  const certificate = {
    authority: join(folder, "ca.pem"),
    server: join(folder, "server.pem"),
    key: join(folder, "server.key"),
  };
  if (!isValid(certificate.server)) {
    mkdirSync(folder, { recursive: true });
    execFileSync(python, [join(import.meta.dirname, "certificate.py"), folder], { stdio: "pipe" });
  }
  return certificate;
}

function isValid(path: string): boolean {
  try {
    return new X509Certificate(readFileSync(path)).validToDate.getTime() > Date.now() + SPARE_VALIDITY_MS;
  } catch {
    return false;
  }
}
