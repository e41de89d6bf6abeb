/** An HTTP server in a process of its own, so that what it takes is not counted as its client's. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";

/** What a program that speaks TLS finds in its environment, in PEM. */
export const KEY_VARIABLE = "BENCH_KEY";
export const CERTIFICATE_VARIABLE = "BENCH_CERTIFICATE";

/**
 * Starts it, and points the standard AWS settings of this process to it.
 *
 * @param program as text, for the caller may be part of a bundle; it sends its port to its parent once it listens
 * @param tls whether it speaks TLS: then it gets a certificate of its own, which this process trusts from now on
 */
export async function startServerProcess(program: string, tls = false): Promise<{ stop(): void }> {
  const certificate = tls ? makeCertificate() : undefined;
  const child = spawn(process.execPath, ["--eval", program], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, ...certificate },
  });
  if (certificate) setDefaultCACertificates([...getCACertificates(), certificate[CERTIFICATE_VARIABLE]]);
  const [port] = await once(child, "message");
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: `${tls ? "https" : "http"}://127.0.0.1:${port}`,
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "example",
  });
  return { stop: () => void child.kill() };
}

function makeCertificate(): { [KEY_VARIABLE]: string; [CERTIFICATE_VARIABLE]: string } {
  const folder = mkdtempSync(join(tmpdir(), "cback-certificate-"));
  try {
    const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
    const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=bench"];
    const files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate];
    execFileSync("openssl", [...request, ...files], { stdio: "ignore" });
    return { [KEY_VARIABLE]: readFileSync(key, "utf8"), [CERTIFICATE_VARIABLE]: readFileSync(certificate, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
