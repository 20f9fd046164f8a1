/** The first store: punches, and what is remembered by its name, in IndexedDB. */

import { withTimeout } from "./rules.js"

let connectionPromise = null // the promise of a connection
let currentConnection = null // what it gave

/** @returns {Promise<IDBDatabase>} the connection: the same one until the browser has closed it, or it is forgotten */
export function openConnection() {
  connectionPromise ??= withTimeout(connect(), "IndexedDB").then(
    connection => (currentConnection = connection),
    error => {
      connectionPromise = null
      throw error
    },
  )
  return connectionPromise
}

function connect() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("ponto", 1)
    request.onupgradeneeded = () => {
      const punches = request.result.createObjectStore("punches", { keyPath: "order", autoIncrement: true })
      punches.createIndex("state", ["state", "order"])
      punches.createIndex("id", "body.id", { unique: true })
      request.result.createObjectStore("settings")
    }
    request.onsuccess = () => {
      const connection = request.result
      connection.onversionchange = connection.onclose = () => closeConnection(connection) // or a newer page could not open it
      resolve(connection)
    }
    request.onerror = () => reject(request.error)
  })
}

/** Close a connection, and open another one next time. */
export function closeConnection(connection) {
  connection.close()
  if (connection === currentConnection) connectionPromise = null
}

/**
 * Whether the browser has lost its connection to its own database, as it does now and then. Nothing of the transaction is
 * there then.
 * @param {Error} error
 */
export const isConnectionLost = error => ["InvalidStateError", "UnknownError"].includes(error.name)

/**
 * Run one transaction. It is on the disk when its promise is kept.
 * @param {IDBDatabase} connection
 * @param {IDBTransactionMode} mode
 * @param {(punches: IDBObjectStore, settings: IDBObjectStore, give: (result: any) => void) => void} work
 * @returns {Promise<any>} what was given; kept once the transaction is complete
 */
export function transact(connection, mode, work) {
  const done = new Promise((resolve, reject) => {
    const transaction = connection.transaction(["punches", "settings"], mode, { durability: "strict" })
    let result
    transaction.oncomplete = () => resolve(result)
    transaction.onabort = () => reject(transaction.error ?? new DOMException("the transaction broke off", "AbortError"))
    try {
      work(transaction.objectStore("punches"), transaction.objectStore("settings"), found => (result = found))
    } catch (error) {
      reject(error)
      transaction.abort() // or what was asked for until then would be written
    }
  })
  return withTimeout(done, "IndexedDB")
}

/** Go on with the result of a request. */
export const onSuccess = (request, then) => (request.onsuccess = () => then(request.result))
