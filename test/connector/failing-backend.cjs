// A rate backend of a connector that fails: the connector's own, internal error.
module.exports = class FailingBackend {
  async connect() {}

  async getRate() {
    throw new Error('no rate')
  }

  async submitPacket() {}
  async submitPayment() {}
  getStatus() {}
}
