/** The demo's small shop: four tables with the types people use, filled the same way each time. */

export const SHOP_TABLES = ['customers', 'products', 'orders', 'order_lines'] as const
export type ShopTable = (typeof SHOP_TABLES)[number]

export const SHOP_KEYS: Readonly<Record<ShopTable, readonly string[]>> = {
  customers: ['id'],
  products: ['sku'],
  orders: ['id'],
  order_lines: ['order_id', 'line'],
}

/** What it has at first, beside two lines to each order. */
export interface ShopSize {
  readonly customers: number
  readonly products: number
  readonly orders: number
}

/** Of so many rows in all, about. */
export function shopSize(rows: number): ShopSize {
  const unit = Math.round(rows / 35)
  return { customers: 6 * unit, products: 2 * unit, orders: 9 * unit }
}

export const WORDS = {
  kind: [
    'kettle',
    'lamp',
    'chair',
    'notebook',
    'bicycle',
    'teapot',
    'blanket',
    'radio',
    'clock',
    'umbrella',
    'oar',
    'net',
  ],
  material: ['oak', 'brass', 'linen', 'copper', 'wool', 'glass', 'bamboo', 'slate', 'cork', 'porcelain'],
  mood: ['quiet', 'sturdy', 'foldable', 'bright', 'handmade', 'travel', 'garden', 'river', 'winter', 'everyday'],
  country: ['Portugal', 'Switzerland', 'Poland', 'Poland', 'Norway', 'Greece', 'Canada', 'Japan', 'Brazil', 'Spain'],
  city: ['Lisboa', 'Zürich', 'Kraków', 'Łódź', 'Bergen', 'Αθήνα', 'Québec', '東京', 'São Paulo', "Val d'Or"],
  tail: [
    'made to last a lifetime by the water',
    'repaired free of charge in every season',
    'with a story from the old mill',
    'packed flat and put together in minutes',
    'tested in rain, snow and salt spray',
  ],
} as const
