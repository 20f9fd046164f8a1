/** What this device keeps: its punches, and what it remembers. Each write is on the disk when its promise is kept. */

/**
 * A punch. `body` is what is sent, but for `enviado`.
 * @typedef {{order: number, state: "waiting" | "sent" | "recorded" | "refused" | "conflict", body: object, sentAt?: number,
 *     missingAt?: number, status?: number, reason?: string}} Punch
 *     sentAt: ms since the epoch, when it was accepted; missingAt: likewise, when it was last found to be no row; status and
 *     reason of a refusal
 */

const KEPT_MS = 60 * 24 * 3_600_000 // a recorded punch stays this long
const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"

let opening = null

function open() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("ponto", 1)
    request.onupgradeneeded = () => {
      const punches = request.result.createObjectStore("punches", { keyPath: "order", autoIncrement: true })
      punches.createIndex("state", ["state", "order"])
      punches.createIndex("id", "body.id", { unique: true })
      request.result.createObjectStore("settings")
    }
    request.onsuccess = () => {
      const forget = () => (opening = null)
      request.result.onversionchange = () => (request.result.close(), forget()) // or a newer page could not open it
      request.result.onclose = forget
      resolve(request.result)
    }
    request.onerror = () => ((opening = null), reject(request.error))
  })
  return opening
}

/**
 * Run one transaction.
 * @param {IDBTransactionMode} mode
 * @param {(punches: IDBObjectStore, settings: IDBObjectStore, give: (result: any) => void) => void} work
 * @returns {Promise<any>} what was given; kept once the transaction is complete
 */
async function transact(mode, work, tries = 2) {
  try {
    const database = await open()
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(["punches", "settings"], mode, { durability: "strict" })
      let result
      transaction.oncomplete = () => resolve(result)
      transaction.onabort = () => reject(transaction.error ?? new DOMException("the transaction broke off", "AbortError"))
      work(transaction.objectStore("punches"), transaction.objectStore("settings"), found => (result = found))
    })
  } catch (error) {
    // Browsers lose the connection to their own database now and then; nothing of the transaction is there then.
    if (tries === 1 || !["InvalidStateError", "UnknownError"].includes(error.name)) throw error
    opening = null
    return transact(mode, work, tries - 1)
  }
}

const when = (request, then) => (request.onsuccess = () => then(request.result))
const inState = state => IDBKeyRange.bound([state, 0], [state, Infinity])

/** A name of this installation: a phone that is set up anew is another device, not a copy. */
function newDevice(name) {
  const random = crypto.getRandomValues(new Uint8Array(8))
  const suffix = Array.from(random, byte => LETTERS[byte % LETTERS.length]).join("")
  return { name, dispositivo: `${name || "web"}-${suffix}`, next: 1 }
}

/**
 * Keep a punch, with the device's next number.
 * @param {object} body its fields but `dispositivo` and `sequencia`
 * @returns {Promise<Punch>} once it is on the disk
 */
export function add(body) {
  return transact("readwrite", (punches, settings, give) =>
    when(settings.get("device"), found => {
      const device = found ?? newDevice("")
      const punch = { state: "waiting", body: { ...body, dispositivo: device.dispositivo, sequencia: device.next } }
      settings.put({ ...device, next: device.next + 1 }, "device")
      when(punches.add(punch), order => give({ ...punch, order }))
    }),
  )
}

/**
 * @param {number | null} employee whose; null: anybody's
 * @returns {Promise<Punch | undefined>} the oldest that is to be sent
 */
export function oldestWaiting(employee) {
  return transact("readonly", (punches, _, give) =>
    when(punches.index("state").openCursor(inState("waiting")), function step(cursor) {
      if (!cursor) return
      if (employee === null || cursor.value.body.usuarioId === employee) give(cursor.value)
      else cursor.continue()
    }),
  )
}

/**
 * Note what became of a punch. One that is gone, for somebody has cleared the storage, does not come back as half of it.
 * @param {number} order
 * @param {Partial<Punch>} changes
 */
export function mark(order, changes) {
  return transact("readwrite", punches =>
    when(punches.get(order), punch => punch && punches.put({ ...punch, ...changes })),
  )
}

/**
 * @param {Punch["state"]} state
 * @returns {Promise<Punch[]>} all in a state, oldest first
 */
export function all(state) {
  return transact("readonly", (punches, _, give) => when(punches.index("state").getAll(inState(state)), give))
}

/**
 * @param {Punch["state"]} state
 * @returns {Promise<number>}
 */
export function count(state) {
  return transact("readonly", (punches, _, give) => when(punches.index("state").count(inState(state)), give))
}

/** @returns {Promise<Punch[]>} everything, oldest first */
export function everything() {
  return transact("readonly", (punches, _, give) => when(punches.getAll(), give))
}

/**
 * @param {Punch["state"]} state
 * @param {number} most 1 or more
 * @returns {Promise<Punch[]>} those in a state, the newest first; however many there are, no more are read
 */
export function newest(state, most) {
  return transact("readonly", (punches, _, give) => {
    const found = []
    give(found)
    when(punches.index("state").openCursor(inState(state), "prev"), function step(cursor) {
      if (!cursor) return
      if (found.push(cursor.value) < most) cursor.continue()
    })
  })
}

/** Delete what has been a row for long. */
export function prune(now = Date.now()) {
  return transact("readwrite", punches =>
    when(punches.index("state").openCursor(inState("recorded")), function step(cursor) {
      if (!cursor || Date.parse(cursor.value.body.ponto) > now - KEPT_MS) return
      cursor.delete()
      cursor.continue()
    }),
  )
}

/**
 * @param {string[]} names
 * @returns {Promise<Record<string, any>>} what is remembered by these names; null where nothing is
 */
export function remembered(...names) {
  return transact("readonly", (_, settings, give) => {
    const found = {}
    for (const name of names) when(settings.get(name), value => (found[name] = value ?? null))
    give(found)
  })
}

/**
 * Remember something by its name.
 * @param {string} name
 * @param {any} value
 */
export function remember(name, value) {
  return transact("readwrite", (_, settings) => settings.put(value, name))
}

/**
 * Remember something by what is remembered when it is written, in one transaction: another tab may have been faster.
 * @param {string[]} names of what it depends on
 * @param {(found: Record<string, any>) => Record<string, any>} change gives what is to be remembered, by its name
 */
export function update(names, change) {
  return transact("readwrite", (_, settings) => {
    const found = {}
    for (const [place, name] of names.entries())
      when(settings.get(name), value => {
        found[name] = value ?? null
        if (place < names.length - 1) return
        for (const [changed, given] of Object.entries(change(found))) settings.put(given, changed)
      })
  })
}

/**
 * Name this device. Another name is another device, whose numbers begin at 1: none is missing of either.
 * @param {string} name
 */
export function rename(name) {
  return transact("readwrite", (_, settings) =>
    when(settings.get("device"), found => {
      if (!found || found.name !== name) settings.put(newDevice(name), "device")
    }),
  )
}
