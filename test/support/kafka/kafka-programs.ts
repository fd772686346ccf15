/** A Kafka broker for tests, from Maven Central, fetched at first use. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { errorCode } from '../../../runtime/errors.ts'
import { cached } from '../cached-package.ts'
import { type Java, newestJava } from '../java.ts'

const VERSION = '4.1.1'
const JAVA = 17
const ARTIFACT = { groupId: 'org.apache.kafka', artifactId: 'kafka_2.13', version: VERSION }

export interface KafkaPrograms {
  readonly java: Java
  /** A folder of its jars, and of those they need. */
  readonly home: string
}

/** Rejects, saying why, if it cannot run here or cannot be fetched. */
export async function kafkaPrograms(): Promise<KafkaPrograms> {
  const java = await newestJava()
  if (java === undefined) throw new Error(`Kafka needs Java ${JAVA}, and there is none here`)
  if (java.major < JAVA) throw new Error(`Kafka needs Java ${JAVA}, and here is Java ${java.major}`)
  return { java, home: await cached('kafka', VERSION, fetchJars) }
}

async function fetchJars(work: string): Promise<string> {
  const dependency = Object.entries(ARTIFACT).map(([name, value]) => `<${name}>${value}</${name}>`)
  const own =
    '<modelVersion>4.0.0</modelVersion><groupId>none</groupId><artifactId>none</artifactId><version>1</version>'
  const project = `<project>${own}<dependencies><dependency>${dependency.join('')}</dependency></dependencies></project>`
  await writeFile(join(work, 'pom.xml'), project)
  const jars = join(work, 'jars')
  const copy = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${jars}`]
  await promisify(execFile)('mvn', ['--batch-mode', '--quiet', ...copy], { cwd: work }).catch(error => {
    const why = errorCode(error) === 'ENOENT' ? 'there is no mvn here' : 'mvn cannot get it'
    throw new Error(`${Object.values(ARTIFACT).join(':')} cannot be fetched: ${why}`)
  })
  return jars
}
