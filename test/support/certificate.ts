import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

export const hasOpenssl = ((): boolean => {
  try {
    execFileSync('openssl', ['version'])
    return true
  } catch {
    return false
  }
})()

/** Makes `server.key` and `server.crt` in the folder: a certificate for 127.0.0.1 that is its own authority. */
export function makeCertificate(folder: string): { key: string; certificate: string } {
  const key = join(folder, 'server.key')
  const certificate = join(folder, 'server.crt')
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const made = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', certificate]
  execFileSync('openssl', ['req', ...made, ...subject], { stdio: 'ignore' })
  return { key, certificate }
}
