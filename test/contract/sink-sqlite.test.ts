import { sqlitePlace } from '../support/file-places.ts'
import { generationContract } from './generations.ts'
import { purgeContract } from './purge.ts'
import { sinkContract } from './sink.ts'

const search = { 'app.public.items': ['name'], 'app.public.pairs': ['v'], 'app.public.one': ['body'] }

sinkContract('sqlite', () => sqlitePlace())
sinkContract('sqlite with full-text search', () => sqlitePlace('main', search))
sinkContract('sqlite in its worker', () => sqlitePlace('worker'))

generationContract('sqlite', () => sqlitePlace())
generationContract('sqlite with full-text search', () => sqlitePlace('main', search))
generationContract('sqlite in its worker', () => sqlitePlace('worker'))

purgeContract('sqlite', () => sqlitePlace())
purgeContract('sqlite with full-text search', () => sqlitePlace('main', search))
